"""Limits that stand in AWS's documentation, not in its service models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

KIB = 1024


@dataclass(frozen=True)
class QuotaViolation:
    """The error that a service answers with."""

    code: str
    message: str


def quota_violation(
    service: str, operation: str, parameters: Mapping[str, Any]
) -> QuotaViolation | None:
    """Which limit a request breaks, if one of those below."""
    check = _CHECKS.get((service, operation))
    return check(parameters) if check else None


def _lambda_environment(parameters: Mapping[str, Any]) -> QuotaViolation | None:
    """4 KB: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
    variables = (parameters.get("Environment") or {}).get("Variables") or {}
    size = len(json.dumps(variables, separators=(",", ":")).encode())
    if size <= 4 * KIB:
        return None
    return QuotaViolation(
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment "
        f"variables you have provided exceeded the 4KB limit. String measured: {size} bytes",
    )


def _event_entries(parameters: Mapping[str, Any]) -> QuotaViolation | None:
    """1 MB in all entries: PutEvents in the service model's documentation."""
    size = sum(_entry_size(entry) for entry in parameters.get("Entries") or [])
    if size < KIB * KIB:
        return None
    return QuotaViolation(
        "ValidationException", "Total size of the entries in the request is over the limit."
    )


def _entry_size(entry: Mapping[str, Any]) -> int:
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)


_CHECKS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], QuotaViolation | None]] = {
    ("lambda", "CreateFunction"): _lambda_environment,
    ("lambda", "UpdateFunctionConfiguration"): _lambda_environment,
    ("events", "PutEvents"): _event_entries,
}
