"""What is asked in the body of a request: OpenAI's, Anthropic's, Converse's and those of Bedrock's
providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stratos.contracts.messages import Message, Role, Tool, ToolChoice
from stratos.dataset.formats.message_blocks import LoggedChat, chat_of, text_of
from stratos.dataset.formats.prompt_markup import has_markup, turns_in
from stratos.dataset.formats.row import (
    LoggedAnswer,
    Markup,
    ParsedRow,
    RowError,
    items,
    looks_like_json,
    mapping,
    parsed,
    text,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of

_COHERE_ROLES: dict[str, Role] = {
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
    markup: Markup | None = None

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
        return ParsedRow(
            chat.messages,
            answer,
            self.tools,
            self.tool_choice,
            not_learned=chat.not_learned,
            markup=self.markup,
        )


def asked_in(body: object, name: str) -> Asked:
    """Read a request.

    Args:
        name: Of the body, for messages; empty where it is the row itself.

    Raises:
        RowError: if nothing is asked where any known request asks.
    """
    body = parsed(body, name)
    if isinstance(body, list):
        items_of_responses = any(isinstance(one, dict) and "role" not in one for one in body)
        return Asked(_items(body, name) if items_of_responses else chat_of(body, name))
    found = mapping(body, name)
    place = f"{name}." if name else ""
    if found.get("contents") is not None:
        return _gemini(found, place)
    chat, markup = _chat(found, place)
    return Asked(chat, tools_of(found, place), tool_choice_of(found, place), markup)


def prompted(prompt: str) -> tuple[LoggedChat, Markup | None]:
    """What a prompt asks: its turns, if it is in a model's own markup."""
    if not has_markup(prompt):
        return _one(prompt), None
    turns = turns_in(prompt)
    return (_one(prompt), "left") if turns is None else (LoggedChat(turns), "turns")


def asked_or_text(value: object, name: str) -> Asked:
    """A request: a text, messages, or a body; JSON of it in a string, too.

    Raises:
        RowError: as `asked_in` does.
    """
    if isinstance(value, str):
        if not looks_like_json(value):
            return Asked(_one(value))
        value = parsed(value, name)
    return asked_in(value, name)


def _chat(body: Mapping[str, object], place: str) -> tuple[LoggedChat, Markup | None]:
    if body.get("messages") is not None:
        chat = chat_of(parsed(body["messages"], f"{place}messages"), f"{place}messages")
        return with_system(chat, body.get("system"), f"{place}system"), None
    if body.get("message") is not None:
        return _cohere(body, place), None
    for field in _PROMPTS:
        if body.get(field) is not None:
            chat, markup = prompted(text(body[field], f"{place}{field}"))
            return with_system(chat, body.get("system"), f"{place}system"), markup
    if body.get("input") is not None:
        return _responses(body, place), None
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
        role = _COHERE_ROLES.get(str(turn.get("role")))
        if role is None:
            raise RowError(f"{name}.role is {turn.get('role')!r}; it must be USER or CHATBOT")
        said.append(Message(role=role, content=text(turn.get("message"), f"{name}.message")))
    said.append(Message(role="user", content=text(body["message"], f"{place}message")))
    return with_system(LoggedChat(tuple(said)), body.get("preamble"), f"{place}preamble")


def _responses(body: Mapping[str, object], place: str) -> LoggedChat:
    """OpenAI's Responses: text, or items that are messages, calls and what tools answered."""
    given, name = body["input"], f"{place}input"
    chat = _one(given) if isinstance(given, str) else _items(items(given, name), name)
    return with_system(chat, body.get("instructions"), f"{place}instructions")


def _items(given: list[object], name: str) -> LoggedChat:
    """Items of OpenAI's Responses; calls that follow each other were made at once."""
    messages: list[object] = []
    calls: list[object] = []
    for index, item in enumerate(given):
        one = mapping(item, f"{name}[{index}]")
        if one.get("type") not in ("function_call", "reasoning"):
            calls = []
        match one.get("type"):
            case "function_call":
                if not calls:
                    messages.append({"role": "assistant", "tool_calls": calls})
                calls.append({"id": one.get("call_id"), "function": one})
            case "function_call_output":
                told = {"tool_call_id": one.get("call_id"), "content": one.get("output")}
                messages.append({"role": "tool", **told})
            case "reasoning":
                continue
            case _:
                messages.append(one)
    return chat_of(messages, name)


def _gemini(body: Mapping[str, object], place: str) -> Asked:
    """Gemini's `generateContent`, as JSON and as its SDKs log it, who put the rest in `config`."""
    contents, config = body["contents"], body.get("config")
    rest = config if isinstance(config, dict) else body
    listed = contents if isinstance(contents, list) else [contents]
    said = [{"role": "user", "parts": [one]} if isinstance(one, str) else one for one in listed]
    turns = [{"role": "user", **one} if isinstance(one, dict) else one for one in said]
    system = rest.get("systemInstruction") or rest.get("system_instruction")
    if isinstance(system, dict):
        system = system.get("parts")
    chat = with_system(chat_of(turns, f"{place}contents"), system, f"{place}systemInstruction")
    return Asked(chat, tools_of(rest, place))
