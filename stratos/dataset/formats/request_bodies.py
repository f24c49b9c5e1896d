"""What is asked in the body of a request: OpenAI's, Anthropic's, Converse's and those of Bedrock's
providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stratos.contracts.messages import Message, Role, Tool, ToolChoice
from stratos.dataset.formats.message_blocks import LoggedChat, chat_of, text_of
from stratos.dataset.formats.row import (
    LoggedAnswer,
    ParsedRow,
    RowError,
    items,
    mapping,
    parsed,
    text,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of

_COHERE_ROLES: dict[object, Role] = {
    "USER": "user",
    "CHATBOT": "assistant",
    "SYSTEM": "system",
    "TOOL": "tool",
}
_PROMPTS = ("prompt", "inputText")
"""Llama, Mistral, Claude 2, DeepSeek, Jurassic and Cohere's Command; Titan."""


class Asked(NamedTuple):
    """A conversation as a request sends it, and the tools it offers."""

    chat: LoggedChat
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None

    def answered(self, answer: LoggedAnswer) -> ParsedRow:
        """The row, with a reply from elsewhere.

        What an assistant says at the end of the request was put into its mouth, and is no question.
        """
        chat, _ = self.chat.and_answer()
        return self._row(chat, answer)

    def row(self) -> ParsedRow:
        """The row whose closing reply is the answer."""
        return self._row(*self.chat.and_answer())

    def _row(self, chat: LoggedChat, answer: LoggedAnswer) -> ParsedRow:
        return ParsedRow(chat.messages, answer, self.tools, self.tool_choice, chat.not_learned)


def asked_in(body: object, name: str) -> Asked:
    """Read a request.

    Args:
        name: Of the body, for messages; empty where it is the row itself.

    Raises:
        RowError: if nothing is asked where any known request asks.
    """
    body = parsed(body, name)
    if isinstance(body, list):
        return Asked(chat_of(body, name))
    found = mapping(body, name)
    place = f"{name}." if name else ""
    return Asked(_chat(found, place), tools_of(found, place), tool_choice_of(found, place))


def _chat(body: Mapping[str, object], place: str) -> LoggedChat:
    if body.get("messages") is not None:
        chat = chat_of(parsed(body["messages"], f"{place}messages"), f"{place}messages")
        return with_system(chat, body.get("system"), f"{place}system")
    if body.get("message") is not None:
        return _cohere(body, place)
    for field in _PROMPTS:
        if body.get(field) is not None:
            chat = _one(text(body[field], f"{place}{field}"))
            return with_system(chat, body.get("system"), f"{place}system")
    if body.get("input") is not None:
        return _responses(body, place)
    found = ", ".join(sorted(body)[:8]) or "nothing"
    raise RowError(
        f"{place.rstrip('.') or 'the request'} asks nothing that is known; found {found}"
    )


def with_system(chat: LoggedChat, system: object, name: str) -> LoggedChat:
    """A chat with what stands for its system message, in front."""
    if system is None or system == []:
        return chat
    first = Message(role="system", content=text_of(system, name))
    moved = {place + 1: why for place, why in chat.not_learned.items()}
    return LoggedChat((first, *chat.messages), moved)


def _one(prompt: str) -> LoggedChat:
    return LoggedChat((Message(role="user", content=prompt),))


def _cohere(body: Mapping[str, object], place: str) -> LoggedChat:
    """Command R: a message, what was said before it, and a preamble."""
    said: list[Message] = []
    for index, item in enumerate(items(body.get("chat_history") or [], f"{place}chat_history")):
        name = f"{place}chat_history[{index}]"
        turn = mapping(item, name)
        role = _COHERE_ROLES.get(turn.get("role"))
        if role is None:
            raise RowError(f"{name}.role is {turn.get('role')!r}; it must be USER or CHATBOT")
        said.append(Message(role=role, content=text(turn.get("message"), f"{name}.message")))
    said.append(Message(role="user", content=text(body["message"], f"{place}message")))
    return with_system(LoggedChat(tuple(said)), body.get("preamble"), f"{place}preamble")


def _responses(body: Mapping[str, object], place: str) -> LoggedChat:
    """OpenAI's Responses: text, or items that are messages, calls and what tools answered."""
    given = body["input"]
    if isinstance(given, str):
        return with_system(_one(given), body.get("instructions"), f"{place}instructions")
    messages: list[object] = []
    for index, item in enumerate(items(given, f"{place}input")):
        one = mapping(item, f"{place}input[{index}]")
        match one.get("type"):
            case "function_call":
                messages.append(
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": one.get("call_id"), "function": one}],
                    }
                )
            case "function_call_output":
                told = {"tool_call_id": one.get("call_id"), "content": one.get("output")}
                messages.append({"role": "tool", **told})
            case "reasoning":
                continue
            case _:
                messages.append(one)
    chat = chat_of(messages, f"{place}input")
    return with_system(chat, body.get("instructions"), f"{place}instructions")
