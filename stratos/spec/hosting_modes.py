"""The names of the hosting modes, one row each.

A row says where a mode's module is; everything else about a mode is said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

AUTO = "auto"
"""In place of a mode: the planner chooses."""
_PACKAGE = "stratos.hosting.modes"


@dataclass(frozen=True)
class ModeRow:
    """What a spec has to know of one mode.

    Attributes:
        module: Its `MODE` is the mode itself.
        has_endpoint: If not, a server runs for as long as a batch of questions takes. The declared
            traffic does not show that nobody waits for answers, so only a spec can ask for it.
    """

    name: str
    module: str
    has_endpoint: bool = True


HOSTING_MODES = {
    row.name: row
    for row in (
        ModeRow("realtime", f"{_PACKAGE}.realtime"),
        ModeRow("serverless", f"{_PACKAGE}.serverless"),
        ModeRow("scale_to_zero", f"{_PACKAGE}.scale_to_zero"),
        ModeRow("async", f"{_PACKAGE}.asynchronous"),
        ModeRow("batch", f"{_PACKAGE}.batch", has_endpoint=False),
    )
}
"""Of modes that cost the same, the first is chosen. An endpoint that no other mode recognises is of
the first one."""


def _of_a_mode(name: str) -> str:
    return _among(list(HOSTING_MODES), name)


def _of_a_mode_or_auto(name: str) -> str:
    return _among([AUTO, *HOSTING_MODES], name)


def _among(choices: list[str], name: str) -> str:
    if name not in choices:
        needed = ", ".join(choices)
        raise PydanticCustomError(
            "unknown_choice", "Input should be one of {needed}", {"needed": needed}
        )
    return name


ModeName = Annotated[
    str, AfterValidator(_of_a_mode), WithJsonSchema({"enum": [*HOSTING_MODES], "type": "string"})
]
"""A key of `HOSTING_MODES`."""
AskedMode = Annotated[
    str,
    AfterValidator(_of_a_mode_or_auto),
    WithJsonSchema({"enum": [AUTO, *HOSTING_MODES], "type": "string"}),
]
"""The same, or `auto`."""
