"""boto3 clients, made once for each warm function, and what their failures mean."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

_CONFIG = Config(retries={"mode": "standard", "max_attempts": 5})
_FAR = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=10)
"""Of another region, which may be gone: a call is not to wait for minutes to learn that."""
_FAR_S3 = _FAR.merge(Config(read_timeout=60))
"""S3 answers a copy when it has moved the bytes."""
_OUT_OF_ORDER = ("ServiceUnavailable", "SlowDown", "Throttling", "ThrottlingException")
_THROTTLED = (
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
)
"""Beside those above: of DynamoDB and others, told by botocore's own retries."""


def client(service: str, region: str | None = None) -> Any:
    """A client of the function's own region, or of another."""
    return made_client(service, region)


@cache
def made_client(service: str, region: str | None) -> Any:
    if region is None:
        return boto3.client(service, config=_CONFIG)
    return boto3.client(service, region_name=region, config=_FAR_S3 if service == "s3" else _FAR)


def error_code(error: Exception) -> str:
    """The code in a botocore `ClientError`, such as `ValidationException`; empty in any other."""
    # That of an `HTTPClientError` is None.
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_unreachable(error: Exception) -> bool:
    """Whether a call failed because its region does not answer, or is not in order now."""
    if isinstance(error, HTTPClientError | NoConnectionError):
        return True
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error_code(error) in _OUT_OF_ORDER


def may_pass(error: Exception) -> bool:
    """Whether a call failed for now: it was one too many, or its service is not in order."""
    return is_unreachable(error) or error_code(error) in _THROTTLED
