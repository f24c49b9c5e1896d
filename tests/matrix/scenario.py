"""A small spec of the matrix, and what its runs need of their cloud."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stratos.cli.approval import approve
from stratos.contracts.run import RunRow
from stratos.errors import NotAwaitingApproval
from tests.integration.pipeline.cloud import EXAMPLE, Cloud, write_task
from tests.integration.pipeline.regions import AWAY, HOME, Regions
from tests.matrix.orders import Order

_NO_LATENCY = {"max_training_hours": 0.2}
"""A limit of latency is judged by more requests than a run of some seconds has."""
_INSPECTION = "stratos-inspect-dataset"


@dataclass(frozen=True)
class Scenario:
    """A spec, and what its runs need of the cloud."""

    name: str
    told: str
    """In words, for the page."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the spec that differ from the example's."""
    large: bool = False
    """Whether its dataset is more than the function reads, so that a job does."""
    approve: bool = False
    """Whether somebody must say yes."""
    measured_at: str | None = "MeasureEndpoint"
    """The state at which its endpoint is there and not yet in service; None where it has none."""
    leads: Mapping[str, Order] = field(default_factory=dict)
    """State → what befalls a run there, so that it comes by other states than a good one does."""
    comes_by: tuple[str, ...] = ()
    """Those states, which alone are struck; empty for all."""
    same: bool = False
    """Whether a run that is struck has the very spec of the one that has gone well before it."""
    follows: bool = False
    """Whether its runs come by those states only once one has gone well."""
    chooses_otherwise: bool = False
    """Whether what leads its runs lets them choose other models, so that all their jobs run."""
    two_students: bool = False
    """Whether its spec names the student a second time, as another."""
    abroad: bool = False
    """Whether its cloud has a worker region: where training is cheapest, and clients are too."""

    def strikes(self, state: str) -> bool:
        """Whether a state may be struck in its runs, if they come by it."""
        return state not in self.leads and (not self.comes_by or state in self.comes_by)

    def write(self, folder: Path, name: str, number: int) -> Path:
        """The spec and its files; another number makes another spec of the same name."""
        described = {"description": f"run {number}"}
        changes = {"constraints": _NO_LATENCY, **self.changes, **described}
        if not self.two_students:
            return write_task(folder, name, 120, **changes)
        other = folder / "models" / "student-other"
        if not other.exists():
            shutil.copytree(EXAMPLE / "models" / "student-base", other)
        paths = ("models/student-base", "models/student-other")
        students = [{"kind": "weights", "path": path, "licence": "Apache-2.0"} for path in paths]
        return write_task(folder, name, 120, students=students, **changes)

    def say_yes(self, cloud: Cloud, row: RunRow) -> None:
        """Approve a run that waits for it; it may have been ended at the same moment."""
        with suppress(NotAwaitingApproval):
            approve(cloud.stack, row, "")

    def prepare(self, cloud: Cloud) -> None:
        """Before each run: what one refuses, the next would go by."""
        if self.abroad:
            regions = Regions(cloud)
            regions.train(AWAY)
            regions.refuse(HOME)

    def missed_by(self, cloud: Cloud, row: RunRow) -> list[str]:
        """What a run that has gone well should have come by, and has not."""
        if not self.abroad:
            return []
        made = [] if Regions(cloud).elsewhere(row.run_id) else ["no job of it ran elsewhere"]
        if set(row.serving_regions) != {HOME, AWAY}:
            made.append(f"it is served in {', '.join(row.serving_regions) or HOME} alone")
        return made

    @contextmanager
    def around(self, cloud: Cloud) -> Iterator[None]:
        """The cloud as the runs need it."""
        if not self.large:
            yield
            return
        functions = cloud.client("lambda")
        found = functions.get_function_configuration(FunctionName=_INSPECTION)
        before = found["Environment"]["Variables"]
        small = before | {"LARGE_DATASET_BYTES": "10"}
        functions.update_function_configuration(
            FunctionName=_INSPECTION, Environment={"Variables": small}
        )
        try:
            yield
        finally:
            cloud.client("lambda").update_function_configuration(
                FunctionName=_INSPECTION, Environment={"Variables": before}
            )
