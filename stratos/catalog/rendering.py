"""A chat template rendered as Transformers does, in a process of its own.

`python -m stratos.catalog.rendering SECONDS` reads a `Rendering` and writes a reason for each
conversation that the template refuses. A template is a program of whoever made the model: here it
has no more than a few seconds and some memory, and nothing to reach.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stratos.frozen import FrozenModel

_MEMORY_BYTES = 2**30
_SHOWN_CHARACTERS = 300


class Spoken(FrozenModel):
    role: str
    content: str


class Rendering(FrozenModel):
    """What is to be rendered."""

    template: str
    tokens: dict[str, str]
    """Special tokens by their names, such as `bos_token`."""
    conversations: tuple[tuple[Spoken, ...], ...]


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words, and changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - as the class it extends declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def refusals(asked: Rendering) -> list[str | None]:
    """Why a template does not render each conversation; None where it does."""
    try:
        template = _environment().from_string(asked.template)
    except TemplateError as error:
        return [_shown(error)] * len(asked.conversations)
    reasons: list[str | None] = []
    for conversation in asked.conversations:
        messages = [turn.model_dump() for turn in conversation]
        told = {"messages": messages, "tools": None, "documents": None, **asked.tokens}
        try:
            text = template.render(add_generation_prompt=True, **told)
        except Exception as error:
            reasons.append(_shown(error))
        else:
            last = conversation[-1].content.strip()
            reasons.append(None if last in text else "it leaves the last message out")
    return reasons


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    return environment


def _tojson(value: Any, ensure_ascii: bool = False, **settings: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **settings)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _shown(error: Exception) -> str:
    kind = "" if type(error) is TemplateError else f"{type(error).__name__}: "
    if isinstance(error, SecurityError):
        kind = "it does what no template may: "
    return f"{kind}{error}"[:_SHOWN_CHARACTERS]


def main() -> int:
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    asked = Rendering.model_validate_json(sys.stdin.read())
    sys.stdout.write(json.dumps(refusals(asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
