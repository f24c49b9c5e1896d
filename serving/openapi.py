"""The server's OpenAPI document, from the models that parse and write its bodies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from serving.errors import ErrorBody
from serving.responses import ChatCompletion, ModelList, PlainAnswer
from serving.schema import ChatRequest, PlainRequest

_REF = "#/components/schemas/{model}"
_MODELS: list[tuple[type[BaseModel], JsonSchemaMode]] = [
    (ChatRequest, "validation"),
    (PlainRequest, "validation"),
    (ChatCompletion, "serialization"),
    (PlainAnswer, "serialization"),
    (ModelList, "serialization"),
    (ErrorBody, "serialization"),
]
_EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
_REFUSALS = {
    "400": "The body is not JSON, or not a valid request; the message says what to change",
    "413": "The body is too large",
    "429": "As many requests are waiting as the server accepts; come back after Retry-After",
    "500": "The model failed on this request",
    "503": "The server is ending, or the request waited too long for its turn",
}


def document(version: str) -> dict[str, Any]:
    """The document, as an object."""
    _, schemas = models_json_schema(_MODELS, ref_template=_REF)
    chat, plain = _ref(ChatRequest), _ref(PlainRequest)
    # A body with `messages` is read as a chat, whatever else it holds.
    not_chat = {"allOf": [plain, {"not": {"required": ["messages"]}}]}
    either = _any(chat, not_chat)
    whole = _ref(ChatCompletion)
    texts = {"anyOf": [_ref(PlainAnswer), {"type": "array", "items": _ref(PlainAnswer)}]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stratos student", "version": version},
        "paths": {
            "/ping": {"get": _get("Is the server able to answer?", None)},
            "/invocations": {
                "post": _post("Answer a chat, or plain questions", either, _any(whole, texts))
            },
            "/v1/chat/completions": {"post": _post("Answer a chat", chat, whole)},
            "/v1/models": {"get": _get("The model served", _json(_ref(ModelList)))},
            "/metrics": {"get": _get("Figures for Prometheus", {"text/plain": {}})},
            "/openapi.json": {"get": _get("This document", _json({"type": "object"}))},
        },
        "components": {"schemas": schemas["$defs"]},
    }


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _any(*schemas: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(schemas)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _get(summary: str, content: dict[str, Any] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": summary}
    if content is not None:
        answer["content"] = content
    return {"summary": summary, "responses": {"200": answer}}


def _post(summary: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    content = _json(answer) | {"text/event-stream": {"schema": _EVENT}}
    refusals = {
        status: {"description": text, "content": _json(_ref(ErrorBody))}
        for status, text in _REFUSALS.items()
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {"200": {"description": summary, "content": content}, **refusals},
    }
