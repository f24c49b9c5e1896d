"""How long a training job may run, and where that comes from."""

from __future__ import annotations

from stratos.frozen import FrozenModel


class TimeLimit(FrozenModel):
    """What the spec allows, and what was spent of it when a job's deadline was set."""

    max_training_hours: float | None = None
    """None if the spec sets no limit."""
    spent_hours: float = 0.0
    start_seconds: float = 0.0
    """From the request until the job's program works."""

    @property
    def told(self) -> str:
        if self.max_training_hours is None:
            return "its deadline, since max_training_hours is not set"
        return f"max_training_hours: {self.max_training_hours:g}"


def ask_for(hours: float | None) -> str:
    """The end of a sentence on a limit that was too short."""
    return "" if hours is None else f"; ask for at least {hours:g}"
