"""Any URL that speaks OpenAI's chat-completions schema."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from stratos.contracts.messages import openai_message
from stratos.errors import TeacherFailed
from stratos.spec import OpenAICompatible
from training.teachers.service import Busy, Prices, Refused
from training.teachers.teacher import Completion, Request

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FATAL = frozenset({401, 402, 403, 404})
_SHOWN_CHARACTERS = 200


class OpenAIService:
    """POSTs one chat completion at a time."""

    def __init__(
        self,
        spec: OpenAICompatible,
        api_key: str | None,
        *,
        connections: int = 16,
        timeout_seconds: float = 120.0,
    ) -> None:
        self._spec = spec
        self._url = spec.base_url.rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._http = urllib3.PoolManager(
            maxsize=connections, timeout=urllib3.Timeout(timeout_seconds), retries=False
        )

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def prices(self) -> Prices:
        return Prices(
            self._spec.input_usd_per_million_tokens, self._spec.output_usd_per_million_tokens
        )

    def call(self, request: Request) -> Completion:
        body = {
            "model": self._spec.model,
            "messages": [openai_message(message) for message in request.messages],
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
        }
        if request.temperature > 0:
            body["seed"] = request.sample
        try:
            response = self._http.request(
                "POST", self._url, body=json.dumps(body).encode(), headers=self._headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise Busy(f"{type(error).__name__}: {error}") from error
        self._require_ok(response)
        try:
            return self._parse(json.loads(response.data))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Busy(
                f"the response is no chat completion ({type(error).__name__}: {error}): "
                f"{_shown(response)}"
            ) from error

    def close(self) -> None:
        self._http.clear()

    def _require_ok(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status == 200:
            return
        reason = f"HTTP {response.status} from {self._url}: {_shown(response)}"
        if response.status in _RETRIED:
            raise Busy(reason, _seconds(response.headers.get("Retry-After")))
        if response.status in _FATAL:
            raise TeacherFailed(
                f"{reason}. Check base_url, model and the secret named by api_key_secret"
            )
        raise Refused(reason)

    def _parse(self, answer: Any) -> Completion:
        choice = answer["choices"][0]
        if choice.get("finish_reason") == "content_filter":
            raise Refused("the service's content filter withheld the answer")
        text = choice["message"]["content"]
        if not isinstance(text, str):
            raise TypeError("the message has no text")
        usage = answer["usage"]
        prompt, completion = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        return Completion(
            text.strip(),
            choice.get("finish_reason") != "length",
            prompt,
            completion,
            self.prices.cost(prompt, completion),
        )


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; dates are left to our own back-off."""
    try:
        return float(header) if header is not None else None
    except ValueError:
        return None


def _shown(response: urllib3.BaseHTTPResponse) -> str:
    return response.data[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
