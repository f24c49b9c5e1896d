"""Runs in the environment that has vLLM: the teacher as a job opens it, asked what stdin says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stratos.contracts.messages import Message
from training.teachers.teacher import Request
from training.teachers.vllm import open_vllm


def main() -> None:
    asked = json.load(sys.stdin)
    teacher = open_vllm("teacher", asked["source"], asked["seed"])
    requests = [
        Request(
            (Message(role="user", content=each["question"]),),
            each["max_new_tokens"],
            each["temperature"],
            each["sample"],
        )
        for each in asked["requests"]
    ]
    found = teacher.generate(requests, stop=lambda: False, on_answer=lambda *_: None)
    answers = [(one.text, one.finished, one.completion_tokens) for one in found if one is not None]
    with Path(asked["answers"]).open("w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main()
