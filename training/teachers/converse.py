"""Requests and answers as Amazon Bedrock's Converse has them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall, ToolChoice
from training.teachers.metering import Meter
from training.teachers.service import Busy, Refused
from training.teachers.teacher import Completion, Request

_REFUSED_STOPS = frozenset({"guardrail_intervened", "content_filtered"})
_CUT_STOPS = frozenset(
    {
        "max_tokens",
        "model_context_window_exceeded",
        "malformed_model_output",
        "malformed_tool_use",
    }
)
_USAGE = ("inputTokens", "outputTokens")


def converse_input(request: Request, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as Converse takes it, without the model.

    Args:
        settings: Of the inference.
    """
    system = [{"text": one.content} for one in request.messages if one.role == "system"]
    asked: dict[str, Any] = {
        "messages": list(_turns(request.messages)),
        "inferenceConfig": dict(settings),
    }
    if system:
        asked["system"] = system
    spoken = any(message.tool_calls for message in request.messages)
    # A conversation with calls in it must tell their tools, even if none may be called now.
    if request.tools and (spoken or request.tool_choice != "none"):
        asked["toolConfig"] = _tool_config(request.tools, request.tool_choice)
    return asked


def inference_settings(request: Request) -> dict[str, Any]:
    """Return what is asked for beside the conversation."""
    return {"maxTokens": request.max_new_tokens, "temperature": min(request.temperature, 1.0)}


def read_answer(answer: Any, request: Request, meter: Meter) -> Completion:
    """Return what Converse answered, and what it is counted as.

    Raises:
        Refused: when a filter withheld it.
        Busy: when it is no answer.
    """
    fields = answer if isinstance(answer, Mapping) else {}
    reason = str(fields.get("stopReason"))
    try:
        blocks = list(fields["output"]["message"]["content"] or ())
        text = "".join(block["text"] for block in blocks if block.get("text"))
        thinking = "".join(_thinking(block) for block in blocks)
        calls = tuple(_calls(blocks)) if request.callable_tools else ()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        billed = meter.read(request, fields.get("usage"), _USAGE, None)
        raise Busy(
            f"it is no answer of Converse ({error!r}): {answer!r:.200}", billed=billed
        ) from error
    finished = reason not in _CUT_STOPS
    written = f"{text}{thinking}{calls}" if finished else None
    counted = meter.read(request, fields.get("usage"), _USAGE, written)
    if reason in _REFUSED_STOPS:
        raise Refused(f"Bedrock ended the answer with {reason}", billed=counted)
    return Completion(
        text.strip(),
        finished,
        counted.prompt_tokens,
        counted.completion_tokens,
        counted.usd,
        calls,
        thinking.strip(),
    )


def _turns(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Turns of a user and of the assistant, which must alternate: what follows joins its like."""
    turn: dict[str, Any] | None = None
    names = _CallNames()
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = list(_blocks(message, names))
        if turn is not None and turn["role"] == role:
            turn["content"] += blocks
            continue
        if turn is not None:
            yield turn
        turn = {"role": role, "content": blocks}
    if turn is not None:
        yield turn


class _CallNames:
    """Names of calls, which Converse wants and logs may lack: answers come in the calls' order."""

    def __init__(self) -> None:
        self._count = 0
        self._unanswered: list[str] = []

    def of_call(self, call: ToolCall) -> str:
        name = call.id or f"call_{self._count}"
        self._count += 1
        self._unanswered.append(name)
        return name

    def of_answer(self, message: Message) -> str:
        first = self._unanswered[0] if self._unanswered else "call_0"
        name = message.tool_call_id or first
        if name in self._unanswered:
            self._unanswered.remove(name)
        return name


def _blocks(message: Message, names: _CallNames) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        result = {"toolUseId": names.of_answer(message), "content": [_result(message.content)]}
        yield {"toolResult": result}
        return
    if message.content or not message.tool_calls:
        yield {"text": message.content}
    for call in message.tool_calls or ():
        used = {"toolUseId": names.of_call(call), "name": call.name, "input": call.arguments}
        yield {"toolUse": used}


def _result(content: str) -> dict[str, Any]:
    """A tool's answer: an object as JSON, which is all that Converse takes there, else text."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {"text": content}
    return {"json": found} if isinstance(found, dict) else {"text": content}


def _tool_config(tools: Iterable[Tool], choice: ToolChoice | None) -> dict[str, Any]:
    config: dict[str, Any] = {"tools": [{"toolSpec": _tool(tool)} for tool in tools]}
    if isinstance(choice, NamedTool):
        config["toolChoice"] = {"tool": {"name": choice.name}}
    elif choice == "required":
        config["toolChoice"] = {"any": {}}
    elif choice == "auto":
        config["toolChoice"] = {"auto": {}}
    return config


def _tool(tool: Tool) -> dict[str, Any]:
    schema = tool.parameters or {"type": "object", "properties": {}}
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, "inputSchema": {"json": schema}} | described


def _thinking(block: Mapping[str, Any]) -> str:
    found = block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
    return found if isinstance(found, str) else ""


def _calls(blocks: Iterable[Mapping[str, Any]]) -> Iterator[ToolCall]:
    for block in blocks:
        if (use := block.get("toolUse")) is not None:
            yield ToolCall(
                name=use["name"], arguments=use.get("input") or {}, id=use.get("toolUseId")
            )
