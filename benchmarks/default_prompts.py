"""Do the default prompts get what the checks demand from a very small instruct model?

SmolLM2-135M-Instruct, among the smallest there are, answers and explains what most children know,
once under the prompts that were the default before and once under those of the spec, with the
spec's limit of tokens. `named` counts replies that hold the right number anywhere: what the model
knows and synthesis may still lose. `kept` is what synthesis keeps.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.real_weights import ROOT, smollm2
from benchmarks.tables import Row, print_table
from stratos.contracts.messages import Message
from stratos.contracts.records import Record
from stratos.scoring.reasons import counted
from stratos.scoring.reply import read_reply
from stratos.spec import Number, Synthesis
from stratos.spec.training import StrategyName
from training.asking.prompts import alignment_messages, injection_messages
from training.asking.rejection_sampling import RejectionSampler
from training.judging.judge import Judge
from training.models.weights import load_model, precision_of
from training.teachers.teacher import Completion, OnAnswer, Request
from training.teachers.weights import WeightsTeacher

RESULT = ROOT / "benchmarks" / "results" / "default_prompts.json"
JUDGE = Judge(Number(kind="number"), "####")
OLD = {
    "alignment_prompt": "{question}",
    "injection_prompt": (
        "{notes}\n\n{question}\n\nThe correct answer is: {answer}\n"
        "Explain, step by step and without mentioning that the answer was given, "
        "how to reach it from the question alone. End with the answer."
    ),
}
QUESTIONS = (
    ("How many days are in a week?", "7"),
    ("How many months are in a year?", "12"),
    ("How many legs does a spider have?", "8"),
    ("How many sides does a triangle have?", "3"),
    ("How many minutes are in an hour?", "60"),
    ("How many hours are in a day?", "24"),
    ("How many continents are there?", "7"),
    ("How many letters are in the English alphabet?", "26"),
    ("How many wheels does a bicycle have?", "2"),
    ("How many cents are in a dollar?", "100"),
    ("What is 2 + 3?", "5"),
    ("What is 4 + 4?", "8"),
    ("What is 10 - 3?", "7"),
    ("What is 6 + 1?", "7"),
    ("What is 5 + 5?", "10"),
    ("What is 3 * 2?", "6"),
)


class _Remembering(WeightsTeacher):
    """Keeps what it replied."""

    replies: tuple[Completion, ...] = ()

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        found = super().generate(requests, stop=stop, on_answer=on_answer)
        self.replies = tuple(one for one in found if one is not None)
        return found


def questions() -> list[Record]:
    """The questions as records of a dataset."""
    return [
        Record(id=str(number), messages=(Message(role="user", content=text),), gold=gold)
        for number, (text, gold) in enumerate(QUESTIONS)
    ]


def names(reply: str, gold: str | None) -> bool:
    """Whether a reply holds the right number anywhere."""
    return gold in re.findall(r"\d+", reply)


def ask(teacher: _Remembering, prompts: str, synthesis: Synthesis, strategy: StrategyName) -> Row:
    """Let the sampler make records of the questions under one pair of prompts."""
    started = time.perf_counter()
    sampler = RejectionSampler(
        teacher, JUDGE, synthesis, stop=lambda: False, on_done=lambda *_: None
    )
    records = questions()
    outcome = sampler.run(records, strategy)
    read = [
        read_reply(one.text, verifier=JUDGE.verifier, finished=one.finished, marker=JUDGE.marker)
        for one in teacher.replies
    ]
    return {
        "prompts": prompts,
        "strategy": strategy,
        "asked": len(records),
        "ended": sum(one.finished for one in teacher.replies),
        "marked": sum(one.is_marked for one in read),
        "named": sum(
            names(reply.text, record.gold)
            for record, reply in zip(records, teacher.replies, strict=True)
        ),
        "kept": len(outcome.records),
        "rejected": counted(outcome.rejects),
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    teacher = _Remembering(load_model("smollm2", str(smollm2())), batch_size=32)
    old, new = Synthesis.model_validate(OLD), Synthesis()
    strategies: tuple[StrategyName, ...] = ("alignment", "injection")
    rows = [
        ask(teacher, name, synthesis, strategy)
        for strategy in strategies
        for name, synthesis in (("before", old), ("now", new))
    ]
    print_table(rows)
    record = questions()[0]
    assert record.gold is not None
    result = {
        "machine": describe_machine(),
        "model": f"SmolLM2-135M-Instruct, computed in {precision_of(teacher.local.model)}, greedy",
        "max_new_tokens": new.max_new_tokens,
        "asked_now": {
            "alignment": alignment_messages(record, new, JUDGE)[-1].content,
            "injection": injection_messages(record, record.gold, new, JUDGE)[-1].content,
        },
        "rows": rows,
    }
    if arguments.write:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(Path(RESULT).relative_to(ROOT))


if __name__ == "__main__":
    main()
