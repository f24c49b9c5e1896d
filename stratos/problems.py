"""Problems of a user's input: each with its place, so that all can be mended in one go."""

from __future__ import annotations

from collections.abc import Sequence

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


def describe(problems: Sequence[Problem]) -> str:
    """Return every problem in one text, a line each."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"the spec has {count}:", *(f"- {problem}" for problem in problems)])
