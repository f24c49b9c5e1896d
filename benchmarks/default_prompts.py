"""Do the default prompts get what the checks demand from an ordinary instruct model?

SmolLM2-135M-Instruct answers and explains easy questions, once under the prompts that were the
default before and once under those of the spec. What counts is how often it marks its answer, and
what synthesis would keep; a model of this size is often wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.real_weights import ROOT, smollm2
from benchmarks.tables import Row, print_table
from stratos.contracts.records import Message, Record
from stratos.scoring.reasons import counted
from stratos.scoring.reply import read_reply
from stratos.spec import Number, Synthesis
from stratos.spec.training import StrategyName
from training.asking.prompts import alignment_messages, injection_messages
from training.asking.rejection_sampling import RejectionSampler
from training.judging.judge import Judge
from training.models.weights import load_model
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
_NAMES = ("Ann", "Ben", "Carla", "Dan", "Eva", "Finn")


class _Remembering(WeightsTeacher):
    """Keeps what it replied."""

    replies: tuple[Completion, ...] = ()

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        found = super().generate(requests, stop=stop, on_answer=on_answer)
        self.replies = tuple(one for one in found if one is not None)
        return found


def questions(count: int) -> list[Record]:
    """Word problems of one step."""
    rng = random.Random(0)
    records = []
    for number in range(count):
        name, a, b = _NAMES[number % len(_NAMES)], rng.randint(2, 20), rng.randint(2, 20)
        boxes = b % 5 + 2
        text, gold = (
            (
                f"{name} has {a} apples and buys {b} more. How many apples does {name} have now?",
                a + b,
            ),
            (f"{name} has {a + b} coins and gives {b} away. How many coins are left?", a),
            (f"A box holds {a} pens. How many pens are in {boxes} boxes?", a * boxes),
        )[number % 3]
        message = Message(role="user", content=text)
        records.append(Record(id=str(number), messages=(message,), gold=str(gold)))
    return records


def ask(
    teacher: _Remembering, prompts: str, synthesis: Synthesis, strategy: StrategyName, count: int
) -> Row:
    """Let the sampler make records of the questions under one pair of prompts."""
    started = time.perf_counter()
    sampler = RejectionSampler(
        teacher, JUDGE, synthesis, stop=lambda: False, on_done=lambda *_: None
    )
    outcome = sampler.run(questions(count), strategy)
    read = [
        read_reply(one.text, finished=one.finished, marker=JUDGE.marker) for one in teacher.replies
    ]
    return {
        "prompts": prompts,
        "strategy": strategy,
        "asked": count,
        "ended": sum(one.finished for one in teacher.replies),
        "marked": sum(one.is_marked for one in read),
        "kept": len(outcome.records),
        "rejected": counted(outcome.rejects),
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    teacher = _Remembering(load_model("smollm2", str(smollm2())), batch_size=32)
    limit = {"max_new_tokens": arguments.tokens}
    old = Synthesis.model_validate(OLD | limit)
    new = Synthesis.model_validate(limit)
    strategies: tuple[StrategyName, ...] = ("alignment", "injection")
    rows = [
        ask(teacher, name, synthesis, strategy, arguments.questions)
        for strategy in strategies
        for name, synthesis in (("before", old), ("now", new))
    ]
    print_table(rows)
    record = questions(1)[0]
    assert record.gold is not None
    result = {
        "machine": describe_machine(),
        "model": "SmolLM2-135M-Instruct, bfloat16, greedy",
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
