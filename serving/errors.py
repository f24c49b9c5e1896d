"""Requests that are not answered, in the OpenAI error shape, whatever went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

RETRY_AFTER_SECONDS = 1


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None = None
    """Path of the offending field in the body."""
    code: str | None = None


class ErrorBody(BaseModel):
    error: ErrorDetail


class RefusedRequest(Exception):
    """A request answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        if status in (429, 503):
            self.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        detail = ErrorDetail(
            message=message,
            type="rate_limit_error" if status == 429 else kind,
            param=param,
            code=code,
        )
        self.body = ErrorBody(error=detail)

    @property
    def is_final(self) -> bool:
        """Whether the same request would be refused again, at any time."""
        return self.status in (400, 413, 422)

    def response(self, status: int | None = None) -> Response:
        """Return the response, under another status if one is given."""
        return Response(
            self.body.model_dump_json(),
            status_code=status or self.status,
            headers=self.headers,
            media_type="application/json",
        )


def of_exception(request: Request, error: Exception) -> RefusedRequest:
    """What to answer when a route raised: its own refusal, a wrong path or method, or our fault."""
    if isinstance(error, RefusedRequest):
        return error
    where = f"{request.method} {request.url.path}"
    if isinstance(error, HTTPException):
        phrase = HTTPStatus(error.status_code).phrase.lower()
        allowed = (error.headers or {}).get("Allow")
        hint = f"; use {allowed}" if allowed else "; /openapi.json lists what there is"
        return RefusedRequest(
            error.status_code,
            phrase.replace(" ", "_"),
            f"{where}: {phrase}{hint}",
            headers=error.headers,
        )
    return RefusedRequest(500, "internal_error", f"{where} failed; the server's log says why")
