"""What an error says of the region that it came from: whether another one may answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from stratos.hosting.absence import is_absent

Verdict = Literal["region", "gone", "doubtful", "refused"]
"""`region`: it does not answer, or fails. `gone`: there is no such endpoint. `doubtful`: the
endpoint's status says whether it or the request is at fault. `refused`: the request is."""

_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    }
)
_TRY_AGAIN = frozenset({408, 429})
"""Of HTTP's 4xx, those that say nothing against the request."""


@dataclass(frozen=True)
class PassedOver:
    """An endpoint that did not answer, and why another one was asked."""

    region: str
    endpoint_name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.endpoint_name} in {self.region}: {self.reason}"


def is_unanswered(error: BaseException | None) -> bool:
    """Whether a call got no usable answer: no connection, no time, or a fault that is AWS's."""
    if isinstance(error, NoConnectionError | HTTPClientError | IncompleteReadError):
        return True
    if not isinstance(error, ClientError):
        return False
    response: dict[str, Any] = dict(error.response)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = response.get("Error", {}).get("Code")
    return status >= 500 or status in _TRY_AGAIN or code in _THROTTLED


def verdict_on(error: Exception) -> Verdict:
    """Who is at fault where a call of SageMaker's runtime failed."""
    if is_unanswered(error):
        return "region"
    if not isinstance(error, ClientError):
        return "refused"
    if is_absent(error, held_by_tag=False):
        return "gone"
    response: dict[str, Any] = dict(error.response)
    code = response.get("Error", {}).get("Code")
    if code == "ModelError":
        status = int(response.get("OriginalStatusCode", 0))
        return "refused" if 400 <= status < 500 and status not in _TRY_AGAIN else "region"
    return "doubtful" if code in ("ValidationError", "ValidationException") else "refused"
