"""A model's chat template, as prompt tokens and completion tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any

from pydantic import JsonValue
from transformers import PreTrainedTokenizerBase

from stratos.catalog.tool_syntax import CallSyntax, derive_syntax
from stratos.catalog.written_reply import ReplyFrame
from stratos.contracts.messages import (
    Message,
    Tool,
    ToolCall,
    ToolChoice,
    calls_text,
    must_call,
    openai_tool,
    template_messages,
)
from stratos.hosting.chat_request import UNREADABLE

_SOME_ARGUMENTS: tuple[dict[str, JsonValue], ...] = ({"a": "b"}, {"z": 1}, {})
"""That have nothing in common."""
_PROBE = "Stratos"
"""A completion rendered once to find out how the template ends a turn."""


@dataclass(frozen=True)
class Dialogue:
    """What a model is shown before it replies."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class ModelReply:
    """What a model says, and what it then calls."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()


class ChatFormat:
    """Renders conversations with a tokenizer's own template.

    Prompt and completion are tokenized apart, as they are at inference: a token never spans both.

    Attributes:
        end_of_turn: Text that the template puts after a completion.
        eos: Token ids that end a completion.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eos: Sequence[int] = ()) -> None:
        if tokenizer.chat_template is None:
            raise ValueError(
                "the model's tokenizer has no chat template; "
                "add chat_template.jinja to its folder, or pick an instruction-tuned model"
            )
        self._tokenizer = tokenizer
        self.end_of_turn = self._find_end_of_turn()
        self._end_ids = self._encode([self.end_of_turn])[0]
        self.eos = frozenset(eos) | {self._end_ids[0]}

    def prompt_text(self, dialogue: Dialogue) -> str:
        return self._render(
            template_messages(dialogue.messages), _tools(dialogue), add_generation_prompt=True
        )

    def prompts(self, dialogues: Sequence[Dialogue]) -> list[list[int]]:
        """Tokenize conversations up to where the assistant begins to write."""
        return self._encode([self.prompt_text(dialogue) for dialogue in dialogues])

    def completions(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize completions, each with the token that ends it."""
        return [ids + self._end_ids[:1] for ids in self._encode(list(texts))]

    def reply_text(self, dialogue: Dialogue, reply: ModelReply) -> str:
        """A reply as the model must write it: its calls are what the template makes of them.

        Raises:
            ValueError: the template cannot write them, or what it writes is read otherwise.
        """
        if not reply.tool_calls:
            return reply.text
        text = self._written(dialogue, reply)
        read = self.read_reply(text, dialogue.tools)
        if calls_text(read.tool_calls) != calls_text(reply.tool_calls):
            raise ValueError(
                f"the chat template writes calls that are read otherwise: {text[:200]!r}"
            )
        return text

    def opening(self, dialogue: Dialogue) -> list[int]:
        """Tokens with which every call of an offered tool begins: up to where they part.

        With one tool that is its call up to the arguments, in templates that write the name first.

        Raises:
            ValueError: the template cannot write calls there.
        """
        first, *others = dialogue.tools
        calls = [ToolCall(name=first.name, arguments=given) for given in _SOME_ARGUMENTS]
        calls += [ToolCall(name=one.name, arguments=_SOME_ARGUMENTS[0]) for one in others]
        written, refusal = [], None
        for call in calls:
            try:
                written.append(self._written(dialogue, ModelReply("", (call,))))
            except ValueError as error:
                refusal = error
        if len(written) < 2:  # what one call shares with no other is all of it
            raise refusal or ValueError("no tool is offered, and a call is required")
        return _beginning(self._encode(written))

    def begun(self, dialogue: Dialogue, choice: ToolChoice | None) -> list[int]:
        """Tokens that a reply begins with before the model is asked: `opening`, if it must call.

        Raises:
            ValueError: the template cannot write calls there.
        """
        return self.opening(dialogue) if must_call(dialogue.tools, choice) else []

    def text(self, tokens: Sequence[int]) -> str:
        """Return generated tokens as text, without special tokens."""
        decoded = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return str(decoded).strip()

    def reply(self, tokens: Sequence[int], tools: Sequence[Tool]) -> ModelReply:
        """Return generated tokens as text and calls; nothing is a call where there are no tools.

        Raises:
            ValueError: the template has no calls, or none that can be read.
        """
        if tools:
            # The tokens that begin a call are special ones in some vocabularies.
            found = self.read_reply(str(self._tokenizer.decode(tokens)), tools)
            if found.tool_calls:
                return found
        return ModelReply(self.text(tokens))

    def read_reply(self, text: str, tools: Sequence[Tool]) -> ModelReply:
        """Take a reply apart into text and calls.

        A call that begins and cannot be read is one that equals no right one.

        Raises:
            ValueError: the template has no calls, or none that can be read.
        """
        read = self._syntax.read(text, {tool.name: _properties(tool) for tool in tools})
        if read is None and self._syntax.begins_in(text):
            return ModelReply(text, (ToolCall(name="", arguments={UNREADABLE: text}),))
        if read is None:
            return ModelReply(text)
        return ModelReply(
            read.text, tuple(ToolCall(name=one.name, arguments=one.arguments) for one in read.calls)
        )

    def _written(self, dialogue: Dialogue, reply: ModelReply) -> str:
        before = template_messages(dialogue.messages)
        said = Message(role="assistant", content=reply.text, tool_calls=reply.tool_calls)
        last = template_messages([*dialogue.messages, said])[-1]
        try:
            return self._frame.written(self._render, before, _tools(dialogue), last)
        except Exception as error:  # whatever a template raises
            raise ValueError(f"the chat template cannot write a call: {error}") from error

    @cached_property
    def _frame(self) -> ReplyFrame:
        return ReplyFrame.of(self._render)

    @cached_property
    def _syntax(self) -> CallSyntax:
        try:
            return derive_syntax(self._render)
        except Exception as error:  # whatever a template raises
            raise ValueError(
                f"the chat template cannot be used with tools: {error}; use one that the model was "
                "published with for tools, or another model"
            ) from error

    def _find_end_of_turn(self) -> str:
        asked = [{"role": "user", "content": "?"}]
        prompt = self._render(asked, add_generation_prompt=True)
        answered = [*asked, {"role": "assistant", "content": _PROBE}]
        whole = self._render(answered, add_generation_prompt=False)
        _, found, tail = whole.rpartition(_PROBE)
        ends = self._encode([tail])[0] if found and prompt else []
        special = {
            *self._tokenizer.all_special_ids,
            *(i for i, token in self._tokenizer.added_tokens_decoder.items() if token.special),
        }
        if ends and ends[0] in special:
            return str(self._tokenizer.decode(ends[:1]))
        if self._tokenizer.eos_token is None:
            raise ValueError(
                "neither the chat template nor the tokenizer names a token that ends a turn; "
                "set eos_token in tokenizer_config.json"
            )
        return str(self._tokenizer.eos_token)

    def _render(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]] = (),
        add_generation_prompt: bool = False,
    ) -> str:
        rendered: Any = self._tokenizer.apply_chat_template(
            list(messages),
            tools=list(tools) or None,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            # Hybrid reasoning models would otherwise think before every answer.
            enable_thinking=False,
        )
        return str(rendered)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return encoded


def _beginning(sequences: Sequence[Sequence[int]]) -> list[int]:
    """What all sequences begin with."""
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*sequences, strict=False))
    return [column[0] for column in columns]


def _tools(dialogue: Dialogue) -> list[dict[str, Any]]:
    return [openai_tool(tool) for tool in dialogue.tools]


def _properties(tool: Tool) -> dict[str, Any]:
    properties = tool.parameters.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: schema for name, schema in properties.items() if isinstance(schema, dict)}
