"""Which run something belongs to, and what became of it."""

from __future__ import annotations

from typing import Literal

from stratos.frozen import FrozenModel
from stratos.moment import Moment

RunStatus = Literal["running", "succeeded", "failed", "rejected", "unchanged", "stopped"]


class RunRef(FrozenModel):
    """Which run this is. Made once by ClaimRun and passed to every state."""

    run_id: str
    bucket: str
    spec_key: str
    spec_version_id: str
    execution_arn: str
    started_at: Moment
    rerun: bool = False
    """Started by a schedule: ends early when nothing changed."""


def spec_name_in(run_id: str) -> str:
    """The spec's name as a run's id has it, for a run whose spec was never read."""
    return run_id.rpartition("-")[0]
