"""Calls, and what tools answered, as blocks of a message's content in each provider's words."""

from __future__ import annotations

from collections.abc import Mapping

from stratos.contracts.messages import Message, ToolCall
from stratos.dataset.formats.row import RowError, items, mapping, name_of, text, value_text
from stratos.dataset.formats.tool_fields import any_call

_CALL_TYPES = frozenset({"tool_use", "tool_call", "tool-call", "function_call"})
"""Anthropic, OpenTelemetry, Vercel's AI SDK, OpenAI's Responses."""
_CALLS_INSIDE = ("toolUse", "functionCall", "function_call")
"""Converse; Gemini, as JSON and as its SDK for Python writes it."""
_RESULT_TYPES: dict[str, tuple[str, ...]] = {
    "tool_result": ("content",),
    "tool_call_response": ("response", "result"),
    "tool-result": ("output", "result"),
}
_RESULTS_INSIDE: dict[str, tuple[str, ...]] = {
    "toolResult": ("content",),
    "functionResponse": ("response",),
    "function_response": ("response",),
}
_IDS = ("tool_use_id", "toolUseId", "toolCallId", "id")
_NAMES = ("name", "toolName")


def call_in(block: Mapping[str, object], name: str) -> ToolCall | None:
    """The call that a block is; None if it is none.

    Raises:
        RowError: if its arguments are no JSON object.
    """
    for field in _CALLS_INSIDE:
        if field in block:
            place = f"{name}.{field}"
            return any_call(mapping(block[field], place), place)
    if block.get("type") in _CALL_TYPES:
        return any_call(block, name)
    if block.get("type") == "function" and isinstance(block.get("function"), dict):
        return any_call(block, name)
    return None


def result_in(block: Mapping[str, object], name: str) -> Message | None:
    """What a tool answered, as a message; None if the block is something else.

    Raises:
        RowError: if the answer has content that is neither text nor JSON.
    """
    for field, answers in _RESULTS_INSIDE.items():
        if field in block:
            place = f"{name}.{field}"
            return _result(mapping(block[field], place), answers, place)
    answers = _RESULT_TYPES.get(str(block.get("type")), ())
    return _result(block, answers, name) if answers else None


def _result(found: Mapping[str, object], answers: tuple[str, ...], name: str) -> Message:
    field = next((each for each in answers if each in found), answers[0])
    return Message(
        role="tool",
        content=_told(found.get(field), f"{name}.{field}", blocks=field == "content"),
        tool_call_id=_first(found, _IDS),
        name=_first(found, _NAMES),
    )


def _first(found: Mapping[str, object], fields: tuple[str, ...]) -> str | None:
    return next((one for field in fields if (one := name_of(found.get(field)))), None)


def _told(answer: object, name: str, *, blocks: bool) -> str:
    """Texts as they are, all else as JSON.

    Args:
        blocks: A list is one of blocks.
    """
    if answer is None or isinstance(answer, str):
        return answer or ""
    if not blocks:
        typed = isinstance(answer, dict) and {"type", "value"} == answer.keys()
        return value_text(answer["value"] if isinstance(answer, dict) and typed else answer)
    told = []
    for index, item in enumerate(items(answer, name)):
        block = mapping(item, f"{name}[{index}]")
        if "json" in block:
            told.append(value_text(block["json"]))
        elif block.get("type", "text") == "text" and "text" in block:
            told.append(text(block["text"], f"{name}[{index}].text"))
        else:
            other = block.get("type") or next(iter(block), "nothing")
            raise RowError(f"{name}[{index}] has content other than text: {other}")
    return "".join(told)
