"""What was tried with real processes: a line for each cell, kept in the repository."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from tests.integration.pipeline.cloud import ROOT

RESULTS = Path(__file__).parent / "results" / "whole.jsonl"
_INPUTS = (
    *("stratos", "lambdas", "training", "serving", "infra", "examples/mahjong-waits"),
    *(
        "requirements.lock",
        "cdk.json",
        "tests/patience.py",
        "tests/integration/pipeline/cloud.py",
        "tests/integration/pipeline/regions.py",
        "tests/matrix/*.py",
    ),
    ":!tests/matrix/page.py",
)
"""What is run, and neither results nor pages."""


@dataclass(frozen=True)
class Tried:
    """One line of the results."""

    state: str
    fault: str
    means: str
    """By what the fault was done, in words."""
    scenario: str
    holds: bool
    outcome: str
    """How the run ended, in its own words."""
    wrong: tuple[str, ...]
    seconds: float
    """Of the run, divided by the states that were struck in it."""
    commit: str
    date: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.state, self.fault, self.means


def tried() -> dict[tuple[str, str, str], Tried]:
    """The latest result of each way in which a cell was ever tried."""
    if not RESULTS.exists():
        return {}
    lines = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    found = [Tried(**line | {"wrong": tuple(line["wrong"])}) for line in lines]
    return {one.key: one for one in found}


def keep(result: Tried) -> None:
    """Add a line."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


@cache
def commit() -> str:
    """Of the inputs, with a plus if they have changed since."""

    def told(*asked: str) -> str:
        command = ["git", *asked, "--", *_INPUTS]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return told("log", "-1", "--format=%h") + "+" * bool(told("status", "--porcelain"))
