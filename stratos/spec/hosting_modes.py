"""The names of the hosting modes, one row each.

A row says where a mode's module is; everything else about a mode is said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

AUTO = "auto"
"""Asked for in place of a mode: the plan chooses."""
_PACKAGE = "stratos.hosting.modes"


@dataclass(frozen=True)
class ModeRow:
    """One mode, as far as a spec has to know it.

    Attributes:
        module: Its `MODE` is the mode itself.
        has_endpoint: Without an endpoint, a server runs for as long as a batch of questions takes.
            Traffic does not tell that nobody waits for an answer, so only a spec asks for it.
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
"""Of modes that cost the same, the first is chosen. The first one is what an endpoint is that no
other mode claims."""


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
