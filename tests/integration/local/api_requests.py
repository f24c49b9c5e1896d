"""Requests that no server has seen, for the rules that say what they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import Headers

from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.iam.actions import requirements
from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement


def api_request(
    service: str,
    operation: str,
    parameters: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> ApiRequest:
    return ApiRequest(
        service, operation, parameters, Headers(headers or {}), body, ACCOUNT_ID, REGION
    )


def required(service: str, operation: str, **parameters: Any) -> list[Requirement]:
    """What a request needs."""
    return list(requirements(api_request(service, operation, parameters)))


def needed(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    """Actions and resources, these without the part that all ARNs share."""
    found = required(service, operation, **parameters)
    return [
        (one.action, one.resource.partition(f":{ACCOUNT_ID}:")[2] or one.resource) for one in found
    ]
