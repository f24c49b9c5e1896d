"""Which run something belongs to."""

from __future__ import annotations

from stratos.frozen import FrozenModel


class RunRef(FrozenModel):
    """Which run this is. Made once by ClaimRun and passed to every state."""

    run_id: str
    bucket: str
    spec_key: str
    spec_version_id: str
    execution_arn: str
    started_at: str
    """ISO 8601, UTC."""
    rerun: bool = False
    """Started by a schedule: ends early when nothing changed."""
