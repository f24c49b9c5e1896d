"""What is wrong with a spec, as it is told and as it is kept."""

from __future__ import annotations

from stratos.frozen import FrozenModel


class Problem(FrozenModel):
    """One thing wrong in a spec file."""

    path: str
    """Place in the file, such as `constraints.min_accuracy` or `teachers[0].path`."""
    line: int | None
    """From 1; None where the problem has no line."""
    message: str
    """What was found, what was needed, what to do."""

    def __str__(self) -> str:
        where = ", ".join(
            part for part in (f"line {self.line}" * bool(self.line), self.path) if part
        )
        return f"{where}: {self.message}" if where else self.message


class Rejection(FrozenModel):
    """`rejection.json`, written beside a spec that was refused."""

    spec_key: str
    spec_version_id: str
    problems: tuple[Problem, ...]
