"""`make demo`: the main job, from nothing to an endpoint that answers.

Starts the embedded cloud, drops an example into the bucket, follows the run, saves run.json and
report.html under .stratos/demo/, and asks the endpoint questions it never saw.

    python examples/demo.py                  # examples/mahjong-waits, saved in .stratos/demo/
    python examples/demo.py word-problems
    python examples/demo.py smollm2-inbox   # its prepare.py fetches the weights first
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from infra.local.cli import bring_up
from infra.local.host.settings import LocalSettings
from stratos.cli import endpoint
from stratos.cli.following import follow
from stratos.cli.report import save_report
from stratos.cli.runs import find_run, read_object, read_summary
from stratos.cli.screen import aloud, make_console
from stratos.cli.stack import Stack
from stratos.cli.submit import submit
from stratos.cli.tables import print_outcome
from stratos.cli.watch import EXIT_CODES, Screen
from stratos.contracts.bucket import SPEC_FILE, RunKeys
from stratos.contracts.records import Record
from stratos.report.figures import duration
from stratos.scoring.reply import judge_reply
from stratos.spec import Spec

EXAMPLES = Path(__file__).parent
FIRST = "mahjong-waits"
OUT = Path(".stratos/demo")
NUM_QUESTIONS = 5


def main() -> int:
    """Read the command line and run the demo."""
    names = sorted(folder.parent.name for folder in EXAMPLES.glob(f"*/{SPEC_FILE}"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("name", nargs="?", choices=names, default=FIRST)
    name: str = parser.parse_args().name
    out = OUT if name == FIRST else OUT / name
    if not (EXAMPLES / name / "prepare.py").exists():
        return demonstrate(EXAMPLES / name, out)
    with tempfile.TemporaryDirectory() as folder:
        return demonstrate(prepared(EXAMPLES / name, Path(folder) / name), out)


def prepared(example: Path, copy: Path) -> Path:
    """A copy of an example into which its `prepare.py` has put what the repository lacks."""
    shutil.copytree(example, copy, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, str(example / "prepare.py"), str(copy)], check=True)
    return copy


def demonstrate(example: Path, out: Path) -> int:
    """Run one example and save its report; the exit code is that of `stratos watch`."""
    started = time.monotonic()
    console = make_console()
    console.rule("embedded cloud")
    with aloud(console, "starting the cloud"):
        settings = LocalSettings()
        url, bucket = bring_up(settings, Path("cdk.out"))
    os.environ |= settings.client_environment(url)
    console.print(f"{url}, bucket {bucket}, up after {duration(time.monotonic() - started)}")

    console.rule("the main job")
    with aloud(console, "measuring a training step"):
        from pace import fitted_to_machine  # torch takes seconds to import

        example, found = fitted_to_machine(example, out / "spec")
    console.print(found, highlight=False)
    stack = Stack.find()
    with aloud(console, "uploading"):
        submission = submit(stack, example, lambda file: None)
    console.print(f"uploaded {submission.num_files} files; run {submission.run_id} starts")
    run = Screen(console).show(follow(stack, submission.run_id, tell=console.print))
    save_report(stack, run.run_id, out)
    summary = read_summary(stack, run.run_id)
    if summary is None:
        console.print(f"run {run.run_id} ended as {run.status} without a report", style="red")
        return EXIT_CODES.get(run.status, 1)
    print_outcome(console, summary)
    if run.status == "succeeded":
        console.rule("held-out questions, through invoke_endpoint")
        ask(console, stack, run.run_id)
    console.print(f"{out}/run.json and {out}/report.html; {duration(time.monotonic() - started)}")
    return EXIT_CODES.get(run.status, 1)


def ask(console: Console, stack: Stack, run_id: str) -> None:
    """Ask the live endpoint some held-out questions and judge its answers."""
    keys = RunKeys(run_id)
    spec = Spec.model_validate_json(read_object(stack, keys.spec) or "")
    rows = (read_object(stack, keys.dataset + "heldout.jsonl") or "").splitlines()
    run = find_run(stack, run_id)
    for row in rows[:NUM_QUESTIONS]:
        record = Record.model_validate_json(row)
        most = spec.task.max_reply_tokens
        with aloud(console, "waiting for an answer"):
            said = endpoint.converse(
                stack, run, record.messages, most, record.tools or (), record.tool_choice
            )
        verdict = judge_reply(
            said.text,
            finished=said.finished,
            marker=spec.task.answer_marker,
            verifier=spec.task.verifier,
            gold=record.gold,
        )
        console.print(record.question, style="bold", highlight=False)
        console.print(said.text, highlight=False)
        console.print(
            "right" if verdict.is_right else f"{verdict.reason}: {record.gold}",
            style="green" if verdict.is_right else "red",
        )


if __name__ == "__main__":
    sys.exit(main())
