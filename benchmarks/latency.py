"""The distilled student beside its teacher: the same questions, the same server, one thread.

Takes the student of the latest successful run of an example from the embedded cloud. Both models
are served in float32 by `python -m serving` on one thread, one after the other, in several rounds,
each alone on this machine, and answer held-out questions one at a time.

    python examples/demo.py word-problems
    python benchmarks/latency.py word-problems

Prints one table and ends with one line of JSON, also under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import describe_machine
from benchmarks.serving_contenders import ROOT, exported, ours, running
from benchmarks.serving_load import Answer, Client
from benchmarks.tables import check, print_table
from infra.local.cli import bring_up
from infra.local.host.settings import LocalSettings
from stratos.cli.runs import list_runs, read_object, read_summary
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys
from stratos.contracts.records import Record
from stratos.measuring.load import percentile
from stratos.pipeline.summary import RunSummary
from stratos.spec import Spec

EXAMPLES = ROOT / "examples"
RESULTS = ROOT / "benchmarks" / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("example", nargs="?", default="word-problems")
    parser.add_argument("--questions", type=int, default=100, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    settings = LocalSettings()
    url, _ = bring_up(settings, Path("cdk.out"))
    os.environ |= settings.client_environment(url)
    stack = Stack.find()
    summary = latest_success(stack, given.example)
    keys = RunKeys(summary.run_id)
    spec = Spec.model_validate_json(read_object(stack, keys.spec) or "")
    heldout = (read_object(stack, keys.dataset + "heldout.jsonl") or "").splitlines()
    questions = [Record.model_validate_json(row).question for row in heldout]
    assert summary.teacher is not None
    assert summary.student is not None
    busy = psutil.cpu_percent(interval=2.0)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        models = {
            "student": fetch_student(stack, keys, Path(folder)),
            "teacher": EXAMPLES / given.example / "models" / summary.teacher.name,
        }
        # Both in the same precision: what is compared is the models.
        models = {
            name: exported(model, Path(folder) / "served" / name, ("float32",))
            for name, model in models.items()
        }
        answers: dict[str, list[Answer]] = {name: [] for name in models}
        for each in range(given.rounds):
            chosen = questions[each * given.questions :][: given.questions]
            for name, model in models.items():
                answers[name] += ask(model, chosen, spec.task.max_reply_tokens)
    rows = [row_of(name, answers[name], summary) for name in models]
    print(f"{given.example}: {len(answers['student'])} questions, one at a time")
    print_table(rows)
    result = {
        "name": "latency",
        "machine": f"{describe_machine()}, one thread; "
        f"{busy:.0f}% busy with other work when it began",
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks(*rows),
    }
    details = {"run": summary.run_id, "example": given.example, "rows": rows}
    (RESULTS / "latency.json").write_text(json.dumps(result | details, indent=1) + "\n")
    print(json.dumps(result))


def checks(student: dict[str, Any], teacher: dict[str, Any]) -> list[dict[str, Any]]:
    """The student's latency, accuracy and size against the teacher's."""
    latencies = [
        check(f"student's {q} over the teacher's", student[q] / teacher[q], 1.0, "lower")
        for q in ("p50_ms", "p95_ms")
    ]
    accuracy = student["accuracy"] / teacher["accuracy"]
    size = student["parameters"] / teacher["parameters"]
    return [
        *latencies,
        check("student's held-out accuracy over the teacher's", accuracy, 0.95, "higher"),
        check("student's parameters over the teacher's", size, 1 / 3, "lower"),
    ]


def latest_success(stack: Stack, spec_name: str) -> RunSummary:
    """Return the outcome of the latest run that left a student."""
    runs = [row for row in list_runs(stack) if row.spec_name == spec_name]
    for row in sorted(runs, key=lambda row: row.started_at, reverse=True):
        summary = read_summary(stack, row.run_id) if row.status == "succeeded" else None
        if summary is not None:
            return summary
    raise SystemExit(
        f"no run of {spec_name} has succeeded here; run `python examples/demo.py {spec_name}` first"
    )


def fetch_student(stack: Stack, keys: RunKeys, folder: Path) -> Path:
    """Download the model artifact of the run's last Distill job and unpack it."""
    prefix = f"{keys.models}{keys.run_id}-distill-"
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix)["Contents"]
    artifacts = [item for item in listed if item["Key"].endswith("/model.tar.gz")]
    newest = max(artifacts, key=lambda item: item["LastModified"])
    archive = folder / "model.tar.gz"
    stack.s3.download_file(stack.bucket, newest["Key"], str(archive))
    with tarfile.open(archive) as members:
        members.extractall(folder / "student", filter="data")
    return folder / "student"


def ask(model: Path, questions: list[str], max_tokens: int) -> list[Answer]:
    """Serve a model alone and ask it one question at a time; the first ten do not count."""
    served = ours(model, "float32")
    with running(served) as server:

        def client(asked: list[str]) -> Client:
            return Client(server.url, served.model, asked, max_tokens, served.path)

        asyncio.run(client(questions).saturate(10, 1, seed=0))
        answers: list[Answer] = []
        for question in questions:
            load = asyncio.run(client([question]).saturate(1, 1, seed=0))
            if load.failed:
                raise SystemExit(f"{model} did not answer {question!r}")
            answers += load.answers
    return answers


def row_of(name: str, answers: list[Answer], summary: RunSummary) -> dict[str, Any]:
    """Latency of whole answers in ms, beside what the run measured of the same model."""
    measured = summary.student if name == "student" else summary.teacher
    assert measured is not None
    latencies = sorted(1000 * answer.latency for answer in answers)
    return {
        "model": name,
        "parameters": measured.num_parameters,
        "accuracy": measured.accuracy.value,
        "p50_ms": percentile(latencies, 0.5).value,
        "p95_ms": percentile(latencies, 0.95).value,
        "tokens": statistics.mean(answer.tokens for answer in answers),
        "tokens/s": sum(a.tokens for a in answers) / sum(a.latency for a in answers),
    }


if __name__ == "__main__":
    main()
