"""SmolLM2-135M learns to call functions, and is asked to call functions that it never saw.

    pip install --no-deps --require-hashes --target DIR -r benchmarks/requirements-bfcl.txt
    python -m benchmarks.tool_calls_smollm2 --bfcl DIR            some 20 minutes on two cores
    python -m benchmarks.tool_calls_smollm2 --bfcl DIR --write    into benchmarks/results/ as well

Questions, functions and right answers are those of the Berkeley Function Calling Leaderboard. They
are split by function: those that are alike, or offered together, are one group, and no group is in
two splits. The untuned model is asked twice: like the trained one, and, since it does not know the
form, after two calls as examples and with its answer begun for it as a call. Every answer is judged
by our verifier and by the leaderboard's checker. The answers themselves are left under
build/tool-calls-smollm2.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bfcl_agreement import PACKAGE, their_checker
from benchmarks.bfcl_cases import Case, cases
from benchmarks.machine import describe_machine
from benchmarks.real_weights import PACKAGE as WEIGHTS
from benchmarks.real_weights import smollm2
from benchmarks.tables import check, print_table
from benchmarks.tool_calls_data import (
    CATEGORIES,
    dataset_rows,
    demonstrations,
    functions_in_common,
    usable,
)
from benchmarks.tool_calls_runs import (
    answers,
    learn,
    lessons,
    prompt_lengths,
    split,
    untuned,
)
from benchmarks.tool_calls_scores import (
    MEANING,
    NORMALISED,
    Answer,
    Theirs,
    Verdict,
    beside_the_leaderboard,
    by_category,
    figures_of,
    gained,
    verdict_on,
)
from stratos.contracts.messages import Message
from stratos.contracts.records import Record, read_jsonl
from stratos.spec import Task, Training
from training.asking.questions import sample

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "tool_calls_smollm2.json"
WORK = ROOT / "build" / "tool-calls-smollm2"
LONGEST_PROMPT = 450
"""Tokens. Questions with longer ones are left out: a step's time is that of its prompts."""
TASK = Task(
    dataset="bfcl.jsonl",
    verifier=NORMALISED,
    max_reply_tokens=72,
    probe_records=20,
    heldout_records=120,
)
STEPS = 36
TRAINING = Training(method="full", learning_rate=2e-4, batch_tokens=1024)
MAX_RECORDS = 160
"""More than are learned in that many steps."""
Row = dict[str, Any]


UNTUNED, UNTUNED_HELPED = "untuned", "untuned, two examples and answer begun"
NUM_SHOWN = 2
BEGUN = '<tool_call>[{"name": "'
"""What each answer of the helped model begins with."""


def main() -> None:
    given = _arguments()
    result = measured(given)
    print_table([{"model": name} | _shown(row) for name, row in result["rows"].items()])
    print(json.dumps({name: result[name] for name in ("name", "machine", "checks")}))
    if given.write:
        text = json.dumps(result, indent=1, ensure_ascii=False)
        RESULT.write_text(text + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bfcl", type=Path, required=True, help=f"where {PACKAGE} is installed")
    parser.add_argument("--weights", type=Path, help=f"a folder made of {WEIGHTS}")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--questions", type=int, help="ask only the first so many")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


@dataclass
class Exam:
    """The held-out questions, and how long it took to answer them."""

    known: dict[str, Case]
    heldout: list[Record]
    shown: tuple[Message, ...]
    theirs: Theirs
    seconds: dict[str, int]

    def ask(self, model: str, folder: Path) -> list[Verdict]:
        """Ask a model every question; return what its answers are worth."""
        return self._asked(model, folder, self.heldout)

    def ask_helped(self, model: str, folder: Path) -> list[Verdict]:
        """Ask what needs a call, after examples, each answer begun as a call."""
        to_call = [record for record in self.heldout if self.known[record.id].possible]
        return self._asked(model, folder, to_call, self.shown, BEGUN)

    def _asked(
        self,
        model: str,
        folder: Path,
        records: Sequence[Record],
        shown: Sequence[Message] = (),
        begun: str = "",
    ) -> list[Verdict]:
        started = time.monotonic()
        found = answers(TASK, folder, records, shown, begun)
        self.seconds[model] = round(time.monotonic() - started)
        print(f"{model}: {self.seconds[model]} s", flush=True)
        return self._judged(model, records, found)

    def _judged(
        self, model: str, records: Sequence[Record], found: Sequence[Answer]
    ) -> list[Verdict]:
        verdicts = [
            verdict_on(self.known[record.id], record.gold or "", one, self.theirs)
            for record, one in zip(records, found, strict=True)
        ]
        told = [
            {"question": record.question, "gold": record.gold} | asdict(one) | asdict(verdict)
            for record, one, verdict in zip(records, found, verdicts, strict=True)
        ]
        file = WORK / f"answers of {model}.json"
        file.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
        return verdicts


def measured(given: argparse.Namespace) -> Row:
    """Split, ask, train and ask again; return what came of it."""
    base = untuned(WORK / "untuned", given.weights or smollm2())
    theirs = their_checker(given.bfcl)
    usable_cases, broken = usable(cases(given.bfcl, CATEGORIES), theirs)
    lengths = prompt_lengths(usable_cases, base)
    short = [
        case for case, length in zip(usable_cases, lengths, strict=True) if length <= LONGEST_PROMPT
    ]
    rows = dataset_rows(short)
    data = {
        "answers that break their schema, left out": broken,
        "longer prompts, left out": len(usable_cases) - len(short),
        "tie too many others, left out": len(short) - len(rows),
    } | split(rows, TASK, WORK)
    taught = sample(list(read_jsonl(WORK / "train.jsonl", Record)), MAX_RECORDS, seed=0)
    records = lessons(TASK, taught)
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    if shared := functions_in_common(records, heldout):
        raise SystemExit(f"functions of the held-out split are taught: {sorted(shared)[:5]}")

    known = {case.name: case for case in usable_cases}
    exam = Exam(known, heldout[: given.questions], demonstrations(taught, NUM_SHOWN), theirs, {})
    asked = {
        UNTUNED: exam.ask(UNTUNED, base),
        UNTUNED_HELPED: exam.ask_helped(UNTUNED_HELPED, base),
    }
    trainings = []
    for seed in range(given.seeds):
        training = TRAINING.model_copy(update={"max_steps": given.steps, "seed": seed})
        folder = WORK / f"seed-{seed}"
        started = time.monotonic()
        done = learn(TASK, training, records, base, folder)
        exam.seconds[f"seed {seed}, training job"] = round(time.monotonic() - started)
        told = done.model_dump(include={"steps", "training_tokens", "best_validation_loss"})
        trainings.append({"seed": seed, "records": len(records)} | told)
        name = f"trained, seed {seed}"
        asked[name] = exam.ask(name, folder / "model")
    return _result(asked, exam, data, trainings, given)


def _result(
    asked: dict[str, list[Verdict]],
    exam: Exam,
    data: Row,
    trainings: list[Row],
    given: argparse.Namespace,
) -> Row:
    gains = {
        f"{name} over {before}": gained(asked[before], found)
        for name, found in asked.items()
        for before in (UNTUNED, UNTUNED_HELPED)
        if name not in (UNTUNED, UNTUNED_HELPED)
    }
    return {
        "name": "tool_calls_smollm2",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "packages": [WEIGHTS, PACKAGE],
        "checks": [
            check(f"exact calls, lower bound: {name}", row["exact_call"]["lo"], 0.0, "higher")
            for name, row in gains.items()
        ],
        "recipe": TRAINING.model_dump(exclude_defaults=True) | {"max_steps": given.steps},
        "data": data | {"held-out functions": len(_functions(exam.heldout))},
        "meaning": MEANING,
        "rows": {name: figures_of(found) for name, found in asked.items()},
        "gained": gains,
        "right by category": {name: by_category(found) for name, found in asked.items()},
        "beside the leaderboard": {
            name: beside_the_leaderboard(found) for name, found in asked.items()
        },
        "trainings": trainings,
        "seconds": exam.seconds,
    }


def _functions(records: Sequence[Record]) -> set[str]:
    return {tool.name for record in records for tool in record.tools or ()}


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: f"{100 * share['value']:.1f} ({100 * share['lo']:.1f}–{100 * share['hi']:.1f})"
        if share["n"]
        else "–"
        for name, share in row.items()
    }


if __name__ == "__main__":
    main()
