"""A response that was logged as the events it was streamed as, joined into one body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stratos.dataset.formats.row import RowError, mapping

_PIECES = ("completion", "generation", "outputText", "text")
"""Fields with the next piece of text: Claude 2, Llama, Titan, Cohere."""
_LISTS = {"outputs": "text", "generations": "text", "results": "outputText"}
"""The same inside a list of one: Mistral, Cohere, Titan."""
_REASONS = (
    "stop_reason", "finish_reason", "completionReason", "stopReason"
)  # fmt: skip


def joined(events: Sequence[object], name: str) -> dict[str, Any]:
    """The body that streamed events amount to.

    Raises:
        RowError: if they are events of no known stream.
    """
    try:
        return _joined(events, name)
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        raise RowError(f"{name} is a list of events that cannot be joined: {error}") from error


def _joined(events: Sequence[object], name: str) -> dict[str, Any]:
    read = [mapping(event, f"{name}[{index}]") for index, event in enumerate(events)]
    read = [_unwrapped(event) for event in read]
    for event in read:
        if event.get("type") == "error" or event.get("error") or _exception(event):
            return {"error": event}
    if any("choices" in event for event in read):
        return _openai(read)
    if any(isinstance(event.get("type"), str) and "_" in str(event["type"]) for event in read):
        return _anthropic(read)
    if any(field in event for event in read for field in _CONVERSE):
        return _converse(read)
    return _pieces(read, name)


_CONVERSE = ("messageStart", "contentBlockStart", "contentBlockDelta", "messageStop")


def _unwrapped(event: dict[str, object]) -> dict[str, object]:
    """Nova's events may lie one level deeper, in the `chunk` or `output` of an event."""
    for field in ("chunk", "event"):
        if set(event) == {field} and isinstance(event[field], dict):
            return mapping(event[field], field)
    return event


def _exception(event: Mapping[str, object]) -> bool:
    return any(key.endswith("Exception") for key in event)


# --- one reader a kind of stream --------------------------------------------------------------


def _openai(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    content: list[str] = []
    refusal: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    old: dict[str, str] = {}
    reason = None
    for event in events:
        for choice in event.get("choices") or ():
            if choice.get("index") not in (None, 0):
                continue  # of several answers the first
            reason = choice.get("finish_reason") or reason
            delta = choice.get("delta") or choice.get("message") or choice
            content.append(delta.get("content") or delta.get("text") or "")
            refusal.append(delta.get("refusal") or "")
            for part in delta.get("tool_calls") or ():
                call = calls.setdefault(part.get("index", len(calls)), _no_call())
                call["id"] = part.get("id") or call["id"]
                _extend(call["function"], part.get("function") or {})
            if delta.get("function_call"):
                _extend(old, delta["function_call"])
    message: dict[str, Any] = {"content": "".join(content), "refusal": "".join(refusal) or None}
    if calls:
        message["tool_calls"] = [calls[number] for number in sorted(calls)]
    if old:
        message["function_call"] = old
    return {"choices": [{"message": message, "finish_reason": reason}]}


def _no_call() -> dict[str, Any]:
    return {"id": None, "function": {}}


def _extend(function: dict[str, Any], part: Mapping[str, Any]) -> None:
    """A call's name comes once, its arguments piece by piece."""
    function["name"] = part.get("name") or function.get("name")
    function["arguments"] = function.get("arguments", "") + (part.get("arguments") or "")


def _anthropic(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    reason = None
    for event in events:
        index = event.get("index", 0)
        if event.get("type") == "message_start":
            reason = (event.get("message") or {}).get("stop_reason") or reason
        elif event.get("type") == "content_block_start":
            blocks[index] = {**(event.get("content_block") or {})}
        elif event.get("type") == "content_block_delta":
            delta = event.get("delta") or {}
            block = blocks.setdefault(index, {"type": "text", "text": ""})
            if delta.get("type") == "text_delta":
                block["text"] = block.get("text", "") + delta.get("text", "")
            elif delta.get("type") == "input_json_delta":
                inputs[index] = inputs.get(index, "") + delta.get("partial_json", "")
        elif event.get("type") == "message_delta":
            reason = (event.get("delta") or {}).get("stop_reason") or reason
    for index, written in inputs.items():
        if written:
            blocks[index]["input"] = written
    return {"content": [blocks[index] for index in sorted(blocks)], "stop_reason": reason}


def _converse(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    texts: dict[int, list[str]] = {}
    uses: dict[int, dict[str, Any]] = {}
    reason = None
    for event in events:
        if start := event.get("contentBlockStart"):
            use = (start.get("start") or {}).get("toolUse")
            if use:
                uses[start.get("contentBlockIndex", 0)] = {**use, "input": ""}
        elif part := event.get("contentBlockDelta"):
            index, delta = part.get("contentBlockIndex", 0), part.get("delta") or {}
            if "text" in delta:
                texts.setdefault(index, []).append(delta["text"])
            elif "toolUse" in delta and index in uses:
                uses[index]["input"] += delta["toolUse"].get("input", "")
        elif stop := event.get("messageStop"):
            reason = stop.get("stopReason") or reason
    content = [
        {"toolUse": uses[index]} if index in uses else {"text": "".join(texts[index])}
        for index in sorted({*texts, *uses})
    ]
    return {"output": {"message": {"content": content}}, "stopReason": reason}


def _pieces(events: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Events that each hold a piece of the text."""
    told: list[str] = []
    body: dict[str, Any] = {}
    found = False
    for event in events:
        if event.get("event_type") == "stream-end":  # Command R repeats the whole text there
            body["finish_reason"] = event.get("finish_reason")
            continue
        holder = event
        for field in _LISTS:
            if isinstance(event.get(field), list) and event[field]:
                holder = event[field][0]
        for field in (*_PIECES, *_LISTS.values()):
            if isinstance(holder.get(field), str):
                told.append(holder[field])
                found = True
                break
        body |= {field: holder[field] for field in _REASONS if holder.get(field)}
        body |= {key: value for key, value in event.items() if key.startswith("amazon-bedrock-g")}
    if not found:
        keys = sorted({key for event in events for key in event})[:8]
        raise RowError(f"{name} is a list of events of no known stream; found {', '.join(keys)}")
    return body | {"completion": "".join(told)}
