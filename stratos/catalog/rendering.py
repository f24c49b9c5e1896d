"""A chat template rendered as Transformers does, in a process of its own.

`python -m stratos.catalog.rendering SECONDS` reads a `Rendering` and writes what became of each
conversation, as `Rendered`. A template is a program of whoever made the model: here it
has no more than a few seconds and some memory, and nothing to reach.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stratos.catalog.chat_template import (
    OUT_OF_RESOURCES,
    QUESTION,
    Conversation,
    Json,
    Rendered,
    Rendering,
)
from stratos.catalog.tool_syntax import CallSyntax, derive_syntax
from stratos.catalog.written_reply import Render, ReplyFrame
from stratos.units import MIB

_MEMORY_BYTES = 256 * MIB
_TOO_MUCH = (MemoryError, RecursionError, OverflowError)
"""What a template meets that has no end: memory, nesting, and the sandbox's longest range."""
_SHOWN_CHARACTERS = 300
_MARKED_TOOL: Json = {
    "type": "function",
    "function": {
        "name": "stratos_marked_tool",
        "description": "A tool.",
        "parameters": {"type": "object", "properties": {}},
    },
}


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words, and changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - as the class it extends declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def render(asked: Rendering) -> list[Rendered]:
    """Each conversation as the template renders it, up to where the model is to write.

    Raises:
        MemoryError, RecursionError, OverflowError: the template has no end.
    """
    try:
        renderer = template_renderer(asked.template, asked.tokens)
    except _TOO_MUCH:
        raise
    except Exception as error:  # TemplateError, or what Python says of the code it becomes
        return [Rendered(text=None, refusal=_shown(error))] * len(asked.conversations)
    calls = _Calls(renderer)
    done = []
    for conversation in asked.conversations:
        try:
            text = renderer(conversation.messages, conversation.tools, True)
            refusal = _left_out(conversation, text)
            if conversation.has_calls and refusal is None:
                refusal = calls.fault(conversation, text)
        except _TOO_MUCH:
            raise
        except Exception as error:
            done.append(Rendered(text=None, refusal=_shown(error)))
        else:
            done.append(Rendered(text=text, refusal=refusal))
    return done


def _left_out(conversation: Conversation, text: str) -> str | None:
    if not _stands_in(conversation.messages[-1], text):
        return "it leaves the last message out"
    answers = (one for one in conversation.messages if one["role"] == "tool")
    if not all(_stands_in(answer, text) for answer in answers):
        return "it leaves out what a tool answers"
    return None


def _stands_in(message: Mapping[str, Any], text: str) -> bool:
    """Whether a text holds a message's content, as it is or inside of JSON."""
    content = str(message["content"]).strip()
    escaped = (json.dumps(content, ensure_ascii=kept)[1:-1] for kept in (False, True))
    return content in text or any(one in text for one in escaped)


class _Calls:
    """What a template makes of tools and calls."""

    def __init__(self, render: Render) -> None:
        self._render = render

    def fault(self, conversation: Conversation, prompt: str) -> str | None:
        """Why a conversation with tools cannot be used; None where it can.

        Args:
            prompt: The conversation as rendered.
        """
        for name in map(_name, conversation.tools):
            # The question may name a tool that the template does not show.
            if name not in prompt or not self._shows_tools:
                return f"it leaves the tool {name} out of the prompt"
        syntax = self._syntax
        if conversation.reply is None:
            return None
        written = self._frame.written(
            self._render, conversation.messages, conversation.tools, conversation.reply
        )
        read = syntax.read(written, {})
        calls = conversation.reply["tool_calls"]
        assert isinstance(calls, list)
        called = [_name(call) for call in calls if isinstance(call, dict)]
        if read is None or [call.name for call in read.calls] != called:
            return f"calls that it writes cannot be read again: {written[:200]!r}"
        return None

    @cached_property
    def _shows_tools(self) -> bool:
        return _name(_MARKED_TOOL) in self._render(QUESTION.messages, [_MARKED_TOOL], True)

    @cached_property
    def _frame(self) -> ReplyFrame:
        return ReplyFrame.of(self._render)

    @cached_property
    def _syntax(self) -> CallSyntax:
        return derive_syntax(self._render)


def _name(described: Mapping[str, Any]) -> str:
    """Of a tool, or of what is called."""
    return str(described["function"]["name"])


def template_renderer(template: str, tokens: Mapping[str, str]) -> Render:
    """What renders conversations with a template; any part of it may raise anything.

    Raises:
        TemplateError: it is no template; or what Python says of the code it becomes.
    """
    compiled = _environment().from_string(template)

    def render(
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        add_generation_prompt: bool,
    ) -> str:
        return compiled.render(
            messages=list(messages),
            tools=list(tools) or None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **tokens,
        )

    return render


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
    kind = "" if type(error) in (TemplateError, ValueError) else f"{type(error).__name__}: "
    if isinstance(error, SecurityError):
        kind = "it does what no template may: "
    return f"{kind}{error}"[:_SHOWN_CHARACTERS]


def main() -> int:
    # The imports above have taken some already.
    seconds = math.ceil(time.process_time()) + int(sys.argv[1])
    # The first limit stops it by a signal of its own, so that the reason is known.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    asked = Rendering.model_validate_json(sys.stdin.buffer.read())
    try:
        rendered = json.dumps([one.model_dump() for one in render(asked)])
    except MemoryError:
        sys.stderr.write(f"it needed more than {_MEMORY_BYTES // MIB} MiB")
        return OUT_OF_RESOURCES
    except _TOO_MUCH as error:
        sys.stderr.write(f"it went on too long ({_shown(error)})")
        return OUT_OF_RESOURCES
    sys.stdout.write(rendered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
