"""Any URL that speaks OpenAI's chat-completions schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from stratos.contracts.messages import openai_message, openai_tool, openai_tool_choice
from stratos.errors import TeacherFailed
from stratos.spec import OpenAICompatible
from stratos.spec.addresses import host_of
from training.teachers.bounded_http import (
    Bounds,
    HttpReply,
    NoReply,
    PrivateAddress,
    TooLarge,
    post,
)
from training.teachers.metering import Meter, Prices
from training.teachers.openai_reply import Malformed, read_chat_completion
from training.teachers.parameters import Parameters
from training.teachers.service import Busy, Refused
from training.teachers.teacher import Completion, Request

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_FATAL = frozenset({401, 402, 403, 404})
_REFUSALS_OF_PARAMETERS = frozenset({400, 422})
_NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "account_deactivated",
    }
)
_USAGE = ("prompt_tokens", "completion_tokens")
_ENDING = "/chat/completions"
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Hosts that take a key in a header of its own."""
_SHOWN_CHARACTERS = 200
_MOST_BYTES = 32 * 2**20
"""Many times what the longest answer takes, escaped."""
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


class OpenAIService:
    """POSTs one chat completion at a time."""

    def __init__(
        self,
        spec: OpenAICompatible,
        api_key: str | None,
        *,
        timeout_seconds: float = 300.0,
        max_bytes: int = _MOST_BYTES,
        private_hosts: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Set up.

        Args:
            timeout_seconds: Of a call in all.
            max_bytes: A reply with more is not read on.
            private_hosts: Those within private networks that may be asked.
        """
        self._spec = spec
        self._url = completions_url(spec.base_url)
        self._headers = {"Content-Type": "application/json"} | authorisation(self._url, api_key)
        self._bounds, self._now = Bounds(timeout_seconds, max_bytes), now
        self._may_be_private = host_of(spec.base_url) in private_hosts
        self._parameters = Parameters(
            spec.model, {"max_tokens": "max_completion_tokens"}, ("temperature", "seed")
        )
        self._meter = Meter(
            spec.name,
            Prices(spec.input_usd_per_million_tokens, spec.output_usd_per_million_tokens),
        )

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def prices(self) -> Prices:
        return self._meter.prices

    def end_when(self, ended: Callable[[], bool]) -> None:
        self._bounds = replace(self._bounds, ended=ended)

    def call(self, request: Request) -> Completion:
        fixed = _conversation(self._spec.model, request)
        while True:
            sent = self._parameters.apply(_parameters(request))
            reply = self._post(request, json.dumps(fixed | sent).encode())
            refused = reply.status in _REFUSALS_OF_PARAMETERS
            if not (refused and self._parameters.learn(sent, _text(reply))):
                break
        self._require_ok(reply)
        return self._read(request, reply)

    def close(self) -> None:
        """Nothing is open between calls."""

    def _post(self, request: Request, body: bytes) -> HttpReply:
        try:
            return post(self._url, body, self._headers, self._bounds, private=self._may_be_private)
        except PrivateAddress as error:
            raise TeacherFailed(str(error)) from error
        except TooLarge as error:
            raise Refused(str(error), billed=self._meter.at_most(request)) from error
        except NoReply as error:
            billed = self._meter.at_most(request) if error.began else None
            raise Busy(str(error), billed=billed) from error

    def _require_ok(self, reply: HttpReply) -> None:
        if reply.status == 200:
            return
        reason = f"HTTP {reply.status} from {_shown_url(self._url)}: {_shown(reply)}"
        _require_money(reason, _parsed(reply))
        if reply.status in _RETRIED:
            raise Busy(reason, _seconds(reply.headers, self._now()))
        if reply.status in _FATAL:
            raise TeacherFailed(
                f"{reason}. Check base_url, model and the secret named by api_key_secret"
            )
        raise Refused(reason)

    def _read(self, request: Request, reply: HttpReply) -> Completion:
        answer = _parsed(reply)
        usage = answer.get("usage") if isinstance(answer, Mapping) else None
        try:
            read = read_chat_completion(answer, offered_tools=bool(request.callable_tools))
        except Malformed as error:
            reason = f"the response is no chat completion ({error}): {_shown(reply)}"
            _require_money(reason, answer)
            charged = usage is not None or _looks_written(reply, answer)
            billed = self._meter.read(request, usage, _USAGE, None) if charged else None
            raise Busy(reason, billed=billed) from error
        written = read.written if read.finished else None
        counted = self._meter.read(request, usage, _USAGE, written)
        if read.withheld:
            reason = "the service's content filter withheld the answer"
            raise Refused(reason, billed=counted)
        return Completion(
            read.text,
            read.finished,
            counted.prompt_tokens,
            counted.completion_tokens,
            counted.usd,
            read.tool_calls,
            read.thinking,
        )


def completions_url(base_url: str) -> SplitResult:
    """Where chat completions are asked for: below the path, before a query such as Azure's."""
    base = urlsplit(base_url)
    path = base.path.rstrip("/")
    return base._replace(path=path if path.endswith(_ENDING) else path + _ENDING, fragment="")


def authorisation(url: SplitResult, api_key: str | None) -> dict[str, str]:
    """The header that carries a key to a host."""
    if api_key is None:
        return {}
    if (url.hostname or "").endswith(_AZURE):
        return {"api-key": api_key}
    return {"Authorization": f"Bearer {api_key}"}


def _conversation(model: str, request: Request) -> dict[str, Any]:
    messages = [openai_message(message) for message in request.messages]
    asked: dict[str, Any] = {"model": model, "messages": messages}
    if request.tools:
        asked["tools"] = [openai_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            asked["tool_choice"] = openai_tool_choice(request.tool_choice)
    return asked


def _parameters(request: Request) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "max_tokens": request.max_new_tokens,
        "temperature": request.temperature,
    }
    return settings | ({"seed": request.sample} if request.temperature > 0 else {})


def _require_money(reason: str, answer: object) -> None:
    """Raise `TeacherFailed` for an error that no waiting mends: the account has no money."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if isinstance(error, Mapping) and not _NO_MONEY.isdisjoint(
        str(error.get(field)) for field in ("code", "type")
    ):
        raise TeacherFailed(
            f"{reason}. The account behind the key may not spend more: mend its billing or its "
            "limits at the provider, or name another teacher"
        )


def _seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the service asks to wait: milliseconds, seconds or a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _looks_written(reply: HttpReply, answer: object) -> bool:
    """Whether a model may have written what is no chat completion: no error, nor a page."""
    if isinstance(answer, Mapping):
        return "error" not in answer
    return answer is None and reply.body.lstrip().startswith(b"{")


def _parsed(reply: HttpReply) -> Any:
    """The body as JSON, with `?` for half characters, which no file holds; None if it is none."""
    try:
        found = json.loads(reply.body)
        if _HALF_CHARACTER.search(reply.body):
            whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            found = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return found


def _text(reply: HttpReply) -> str:
    return reply.body.decode("utf-8", "replace")


def _shown(reply: HttpReply) -> str:
    return _text(reply)[:_SHOWN_CHARACTERS]


def _shown_url(url: SplitResult) -> str:
    return url._replace(query="").geturl()
