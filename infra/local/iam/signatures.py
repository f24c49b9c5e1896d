"""Who signed a request to the embedded cloud."""

from __future__ import annotations

import re
from typing import Any

from infra.local.iam.sessions import Session

_SCOPE = re.compile(r"/\d{8}/([^/]*)/([^/]+)/aws4_request")
_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/|^AWS ([^:\s]+):")
"""In an Authorization header of Signature Version 4 or 2."""


def session_of(request: Any) -> Session | None:
    """The session of a role or a service; None where the account itself calls.

    Raises:
        InvalidCredentialsError: Its credentials look like a session's and are not.
    """
    token = request.headers.get("x-amz-security-token")
    return Session.of_credentials(
        access_key_of(request), token or request.args.get("X-Amz-Security-Token")
    )


def access_key_of(request: Any) -> str:
    signed = _ACCESS_KEY.search(request.headers.get("Authorization", ""))
    if signed is not None:
        return signed[1] or signed[2]
    in_query = request.args.get("X-Amz-Credential") or request.args.get("AWSAccessKeyId") or ""
    return str(in_query).partition("/")[0]


def scope_of(request: Any) -> tuple[str, str]:
    """Region and service that a request was signed for; empty where it was not."""
    scope = request.headers.get("Authorization", "") + request.args.get("X-Amz-Credential", "")
    found = _SCOPE.search(scope)
    return (found[1], found[2]) if found else ("", "")
