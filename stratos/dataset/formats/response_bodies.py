"""The reply in the body of a response: OpenAI's, Anthropic's, Converse's and those of Bedrock's
providers ("Inference request parameters and response fields" in its user guide)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stratos.dataset.formats.message_blocks import assistant_answer
from stratos.dataset.formats.response_streams import joined
from stratos.dataset.formats.row import (
    LoggedAnswer,
    NoAnswer,
    RowError,
    items,
    mapping,
    said,
    text,
    value_text,
)

Reader = Callable[[Mapping[str, object], str], LoggedAnswer]

_REASONS: dict[str, NoAnswer | None] = {
    # OpenAI, Mistral, Llama, Qwen, DeepSeek, Writer, Jamba
    "stop": None, "tool_calls": None, "function_call": None, "eos": None, "endoftext": None,
    "length": "cut", "content_filter": "refused",
    # Anthropic and Converse
    "end_turn": None, "stop_sequence": None, "tool_use": None, "max_tokens": "cut",
    "pause_turn": "cut", "model_context_window_exceeded": "cut", "refusal": "refused",
    "content_filtered": "refused", "guardrail_intervened": "guardrail",
    "malformed_model_output": "error", "malformed_tool_use": "error",
    # Titan
    "finish": None, "finished": None, "stop_criteria_met": None,
    "rag_query_when_rag_disabled": "error",
    # Cohere
    "complete": None, "error": "error", "error_toxic": "refused", "error_limit": "cut",
    "user_cancel": "cut",
    # Gemini
    "safety": "refused", "recitation": "refused", "blocklist": "refused",
    "prohibited_content": "refused", "spii": "refused", "malformed_function_call": "error",
}  # fmt: skip
"""Why a model stopped → why its reply is none; in small letters. Others mean nothing."""
_REASON_FIELDS = (
    "finish_reason", "stop_reason", "stopReason", "completionReason", "finishReason",
    "done_reason",
)  # fmt: skip
_TEXT_FIELDS = ("completion", "generation", "outputText", "text", "output_text", "answer")
"""Claude 2, Llama, Titan's stream, Cohere's Command R, Responses as OpenAI's SDK prints them."""
_COMPLETIONS = ("chat.completion", "text_completion")
"""What OpenAI's bodies with choices call themselves."""
_CHOICE = frozenset({"message", "delta", "finish_reason"})
_LANGCHAIN = frozenset({"additional_kwargs", "response_metadata"})
"""Beside the content of a reply."""
_GEMINI = frozenset({"promptFeedback", "prompt_feedback", "usageMetadata", "usage_metadata"})
_ENDED = frozenset({"finishReason", "finish_reason"})
_CALLED = frozenset({"toolName", "toolCallId"})
"""Of a call as Vercel's AI SDK logs it."""
_GUARDRAIL = "amazon-bedrock-guardrailAction"


def answer_of(body: object, name: str) -> LoggedAnswer:
    """What a response answers.

    Args:
        body: The body, or a list of the events it was streamed as.

    Raises:
        RowError: if no reply is where any known format has one.
    """
    if isinstance(body, str):
        return said(body)
    if isinstance(body, list):
        if not body:
            return LoggedAnswer(lacks="empty")
        body = joined(items(body, name), name)
    found = mapping(body, name)
    if found.get("error") or found.get("errorCode") or found.get("type") == "error":
        return LoggedAnswer(lacks="error")
    if found.get(_GUARDRAIL) == "INTERVENED":
        return LoggedAnswer(lacks="guardrail")
    if found.get("role") == "assistant":
        return _unless(assistant_answer(found, name), _reason(found))
    for field, read in _READERS.items():
        if found.get(field) is not None:
            answer = read(found, name)
            return _unless(answer, _reason(found))
    raise RowError(f"{name} has no reply in it; found {', '.join(sorted(found)[:8]) or 'nothing'}")


def given_answer(value: object, name: str) -> LoggedAnswer:
    """An answer in a field of a row: text, a message, a response, or any value as JSON.

    Raises:
        RowError: if a message or a response in it cannot be read.
    """
    if value is None or value == []:
        return LoggedAnswer(lacks="absent")
    if isinstance(value, dict) and _is_response(value):
        return answer_of(value, name)
    if isinstance(value, list) and isinstance(value[-1], dict) and "role" in value[-1]:
        return answer_of(value[-1], name)
    if isinstance(value, list) and all(isinstance(o, dict) and o.keys() >= _CALLED for o in value):
        return assistant_answer({"tool_calls": value}, name)
    return said(value_text(value))


def _is_response(value: Mapping[str, object]) -> bool:
    """Whether an object is a model's reply, and not an answer that is JSON."""
    if value.get("role") == "assistant" or value.get("object") in _COMPLETIONS:
        return True
    if value.get("object") == "response" and "output" in value:
        return True
    if "content" in value and (value.keys() & _LANGCHAIN or _is_candidate(value)):
        return True
    choices, candidates = value.get("choices"), value.get("candidates")
    if isinstance(choices, list):
        return any(isinstance(one, dict) and one.keys() & _CHOICE for one in choices)
    if isinstance(candidates, list):
        return any(map(_is_candidate, candidates)) or bool(value.keys() & _GEMINI)
    return False


def _is_candidate(value: object) -> bool:
    """Whether this is a reply of Gemini's: its content has parts, or a filter left none."""
    if not isinstance(value, dict):
        return False
    content = value.get("content")
    if isinstance(content, dict):
        return "parts" in content or bool(value.keys() & _ENDED)
    return content is None and bool(value.keys() & _ENDED)


def _reason(body: Mapping[str, object]) -> NoAnswer | None:
    """Why a reply is none, by the reason that the model stopped for."""
    for field in _REASON_FIELDS:
        reason = body.get(field)
        if isinstance(reason, dict):  # Jurassic: {"reason": "length", "length": 16}
            reason = reason.get("reason")
        if isinstance(reason, str):
            return _REASONS.get(reason.lower())
    return None


def _unless(answer: LoggedAnswer, why: NoAnswer | None) -> LoggedAnswer:
    return LoggedAnswer(lacks=why) if why else answer


def _choices(body: Mapping[str, object], name: str) -> LoggedAnswer:
    """OpenAI's, also Jamba, Writer, DeepSeek, Qwen and gpt-oss; the first of several."""
    listed = items(body["choices"], f"{name}.choices")
    if not listed:
        return LoggedAnswer(lacks="empty")
    choice = mapping(listed[0], f"{name}.choices[0]")
    place = f"{name}.choices[0]"
    if (message := choice.get("message")) is not None:
        answer = assistant_answer(mapping(message, f"{place}.message"), f"{place}.message")
    else:
        answer = said(text(choice.get("text"), f"{place}.text"))
    return _unless(answer, _reason(choice))


def _output(body: Mapping[str, object], name: str) -> LoggedAnswer:
    """Converse's and Nova's `output.message`, or the items of OpenAI's Responses."""
    output = body["output"]
    if isinstance(output, list):
        return _responses(body, output, name)
    if isinstance(output, str):
        return said(output)
    message = mapping(mapping(output, f"{name}.output").get("message"), f"{name}.output.message")
    return assistant_answer(message, f"{name}.output.message")


def _responses(body: Mapping[str, object], output: list[object], name: str) -> LoggedAnswer:
    """OpenAI's Responses: messages and calls are items of one list."""
    content: list[object] = []
    calls: list[object] = []
    for index, item in enumerate(output):
        one = mapping(item, f"{name}.output[{index}]")
        if one.get("type") == "message":
            content += items(one.get("content"), f"{name}.output[{index}].content")
        elif one.get("type") == "function_call":
            calls.append({"id": one.get("call_id"), "function": one})
    message = {"content": content, "tool_calls": calls}
    answer = assistant_answer(message, f"{name}.output")
    incomplete = body.get("incomplete_details")
    if body.get("status") == "incomplete" or incomplete:
        told = incomplete.get("reason") if isinstance(incomplete, dict) else None
        return LoggedAnswer(lacks="refused" if told == "content_filter" else "cut")
    return answer


def _candidates(body: Mapping[str, object], name: str) -> LoggedAnswer:
    """Gemini's; the first of several. What a filter stopped has no content."""
    listed = items(body["candidates"], f"{name}.candidates")
    if not listed:
        return LoggedAnswer(lacks="empty")
    first = mapping(listed[0], f"{name}.candidates[0]")
    message = mapping(first.get("content") or {}, f"{name}.candidates[0].content")
    return _unless(assistant_answer(message, f"{name}.candidates[0].content"), _reason(first))


def _content(body: Mapping[str, object], name: str) -> LoggedAnswer:
    """Anthropic's body, or a message alone, which may be calls or a refusal only."""
    return assistant_answer(body, name)


def _message(body: Mapping[str, object], name: str) -> LoggedAnswer:
    """A message in an object of its own, as Cohere's second version and Ollama write it."""
    return assistant_answer(mapping(body["message"], f"{name}.message"), f"{name}.message")


def _first_of(field: str, *path: str) -> Reader:
    """Titan's `results`, Mistral's `outputs`, Cohere's `generations`, Jurassic's `completions`."""

    def read(body: Mapping[str, object], name: str) -> LoggedAnswer:
        listed = items(body[field], f"{name}.{field}")
        if not listed:
            return LoggedAnswer(lacks="empty")
        first = mapping(listed[0], f"{name}.{field}[0]")
        inner: object = first
        for part in path:
            inner = mapping(inner, f"{name}.{field}[0]").get(part)
        return _unless(said(text(inner, f"{name}.{field}[0].{'.'.join(path)}")), _reason(first))

    return read


def _plain(field: str) -> Reader:
    def read(body: Mapping[str, object], name: str) -> LoggedAnswer:
        return said(text(body[field], f"{name}.{field}"))

    return read


_READERS: dict[str, Reader] = {
    "choices": _choices,
    "candidates": _candidates,
    "output": _output,
    "content": _content,
    "message": _message,
    "results": _first_of("results", "outputText"),
    "outputs": _first_of("outputs", "text"),
    "generations": _first_of("generations", "text"),
    "completions": _first_of("completions", "data", "text"),
    **{field: _plain(field) for field in _TEXT_FIELDS},
    **dict.fromkeys(("tool_calls", "function_call", "refusal"), _content),
}
"""A field that holds a reply → how it is read, most telling first."""
