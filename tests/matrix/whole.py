"""The matrix with real processes: a tiny run in an embedded cloud for each cell."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.states.definition_reader import State, definition_of, states_of
from tests.integration.pipeline.cloud import (
    ASSEMBLY,
    ROOT,
    Cloud,
    eventually,
    write_task,
)
from tests.matrix.faults import Fault, kind_of, strikes
from tests.matrix.means import Means, Struck, means_for

RESULTS = Path(__file__).parent / "results" / "whole.jsonl"
_COSTLY = ("Distill", "Synthesize", "Evaluate", "CreateEndpoint", "MeasureEndpoint", "Promote")
"""States that cost money, or hold what does; their cells come first."""
_LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class Tried:
    """One line of the results."""

    state: str
    fault: str
    holds: bool
    outcome: str
    """How the run ended, in its own words."""
    wrong: tuple[str, ...]
    means: str
    seconds: float
    commit: str
    date: str

    @property
    def key(self) -> tuple[str, str]:
        return self.state, self.fault


def states() -> dict[str, State]:
    """Of the stack that `make synth` has made."""
    template = json.loads((ASSEMBLY / "Stratos.template.json").read_text())
    return dict(states_of(definition_of(template)))


def tried() -> dict[tuple[str, str], Tried]:
    """The latest result of each cell that was ever run."""
    if not RESULTS.exists():
        return {}
    lines = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    found = [Tried(**line | {"wrong": tuple(line["wrong"])}) for line in lines]
    return {one.key: one for one in found}


def commit() -> str:
    """Of the inputs: of what is run, not of the results or pages."""
    inputs = ["stratos", "lambdas", "training", "serving", "infra", "tests/matrix/means.py"]
    asked = ["git", "log", "-1", "--format=%h", "--", *inputs]
    return subprocess.run(
        asked, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def cells(shard: tuple[int, int], *, again: bool = False) -> Iterator[tuple[str, Fault, Means]]:
    """What a shard has yet to run, what costs money first, one fault after another."""
    done = {} if again else {key for key, one in tried().items() if one.commit == commit()}
    found = states()
    order = [*[name for name in _COSTLY if name in found], *found]
    possible = [
        (state, fault, means)
        for fault in Fault
        for state in dict.fromkeys(order)
        if not isinstance(strikes(found[state], fault), str)
        and (means := means_for(found[state], fault)) is not None
    ]
    faults = list(Fault)

    def turn(cell: tuple[str, Fault, Means]) -> tuple[bool, int]:
        """Each costly state has another fault first; then each has its second."""
        place = _COSTLY.index(cell[0]) if cell[0] in _COSTLY else len(_COSTLY)
        return cell[0] not in _COSTLY, (faults.index(cell[1]) - 2 * place) % len(faults)

    possible.sort(key=turn)
    number, total = shard
    mine = possible[number - 1 :: total]
    yield from (cell for cell in mine if (cell[0], str(cell[1])) not in done)


def write_tiny(folder: Path, name: str) -> Path:
    """A spec whose run is short: most of it is the start of its processes."""
    return write_task(folder, name, num_rows=120)


class Bench:
    """One cloud, in which cell after cell is run."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud, self._folder, self._states = cloud, folder, states()
        template = json.loads((ASSEMBLY / "Stratos.template.json").read_text())
        self._modules = {
            f"<{name}.Arn>": resource["Properties"]["Handler"].split(".")[2]
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::Lambda::Function"
            and resource["Properties"].get("Handler", "").startswith("lambdas.")
        }

    def run(self, state: str, fault: Fault, means: Means) -> Tried | str:
        """Run a cell; in words, how a run ended that did not come by the state."""
        started = time.monotonic()
        name = f"m-{state.lower()}-{fault.name.lower().replace('_', '-')}"[:30].rstrip("-")
        folder = write_tiny(self._folder / name, name)
        module = self._modules.get(str(self._states[state].get("Resource")), "")
        around = means.around(self._cloud, module) if means.around else nullcontext()
        wrong: list[str] = []
        with around:
            run_id = self._cloud.submit(folder)
            if means.strike and not self._await(run_id, state):
                return f"{self._cloud.finish(run_id).status}: {self._cloud.summary(run_id).reason}"
            if means.strike:
                struck = Struck(self._cloud, run_id, state, kind_of(self._states[state]), module)
                try:
                    means.strike(struck)
                except AssertionError as error:
                    wrong.append(str(error))
            row = self._cloud.finish(run_id)
        reason = self._cloud.summary(run_id).reason
        wrong += self._left(row.status, reason)
        wrong += self._next(folder, name)
        outcome = f"{row.status}: {reason}"
        return Tried(
            *(state, str(fault), not wrong, outcome[:600], tuple(wrong), means.told),
            round(time.monotonic() - started, 1),
            commit(),
            f"{datetime.now(UTC):%Y-%m-%d}",
        )

    def _await(self, run_id: str, state: str) -> bool:
        """Wait until the run is at a state. Returns whether it came by."""

        def there() -> bool | None:
            if state in self._entered(run_id):
                return True
            row = self._cloud.row(run_id)
            return False if row is not None and row.finished else None

        return bool(
            eventually(
                lambda: [found] if (found := there()) is not None else None,
                pause=_LOOK_SECONDS,
                doing=lambda: self._cloud.doing(run_id),
            )[0]
        )

    def _entered(self, run_id: str) -> set[str]:
        row = self._cloud.row(run_id)
        if row is None or row.execution_arn is None:
            return set()
        history = self._cloud.stack.states.get_execution_history(
            executionArn=row.execution_arn, maxResults=1000
        )
        entered = (event.get("stateEnteredEventDetails") for event in history["events"])
        return {details["name"] for details in entered if details}

    def _left(self, status: str, reason: str) -> list[str]:
        """What is wrong once a run has ended."""
        wrong = []
        if status != "succeeded" and ("." not in reason and ";" not in reason):
            wrong.append(f"no word on what to do: {reason}")
        allowed = 1 if status == "succeeded" else 0

        def clean() -> bool:
            billed = self._cloud.billable()
            return not billed["jobs"] and len(billed["endpoints"]) == allowed

        try:
            eventually(clean, 60)
        except AssertionError:
            wrong.append(f"left: {self._cloud.billable()}")
        return wrong

    def _next(self, folder: Path, name: str) -> list[str]:
        """The next run of the spec, and the end of its endpoint."""
        run_id = self._cloud.submit(folder)
        row = self._cloud.finish(run_id)
        wrong = []
        if row.status not in ("succeeded", "unchanged"):
            wrong.append(f"the next run {row.status}: {self._cloud.summary(run_id).reason}")
        for endpoint in self._cloud.billable()["endpoints"]:
            self._cloud.stack.sagemaker.delete_endpoint(EndpointName=endpoint)
        return wrong


def keep(result: Tried) -> None:
    """Add a line to the results."""
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
