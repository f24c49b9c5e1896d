"""What home knows of jobs in other regions: how they stood, what was moved and what refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from stratos.contracts.plan import Purchase
from stratos.frozen import CrossingModel, FrozenModel
from stratos.moment import Moment

Refused = Literal["capacity", "quota", "unreachable"]


class RegionRefusal(FrozenModel):
    """What a region refused to a training job. A line of `catalog/refusals.jsonl`."""

    at: Moment
    run_id: str
    region: str
    instance_type: str
    purchase: Purchase
    outcome: Refused
    """`unreachable`: the region did not answer, or lost the job."""


class Transfer(FrozenModel):
    """Bytes of one object that were moved from one region to another. A line of transfers/."""

    at: Moment
    source: str
    """URI that it was read from."""
    target: str
    source_region: str
    target_region: str
    num_bytes: int


class JobElsewhere(CrossingModel):
    """A job of another region, as home last saw it: its bill needs no call to that region."""

    name: str
    step: str
    region: str
    handed_over_at: Moment
    seen_at: Moment
    """When this was last written."""
    max_seconds: int
    """That it may run at most."""
    instance_type: str | None = None
    """That it started on; None before that is known."""
    count: int = 1
    spot: bool = False
    status: str = "InProgress"
    started_at: Moment | None = None
    ended_at: Moment | None = None
    billed_seconds: float | None = None
    """None until there is a bill."""
    given_up: bool = False
    """Home has stopped waiting for it, without having heard of its end."""

    @property
    def over(self) -> bool:
        return self.status in ("Completed", "Failed", "Stopped")


def read_refusals(text: str) -> list[RegionRefusal]:
    """Every row of `refusals.jsonl`, the oldest first."""
    return [RegionRefusal.model_validate_json(line) for line in text.splitlines() if line.strip()]


def moved_bytes(transfers: Iterable[Transfer]) -> dict[tuple[str, str], int]:
    """Source and target region → bytes."""
    moved: dict[tuple[str, str], int] = {}
    for transfer in transfers:
        way = (transfer.source_region, transfer.target_region)
        moved[way] = moved.get(way, 0) + transfer.num_bytes
    return moved
