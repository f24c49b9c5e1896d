"""Histories of executions as callers ask for them: moto gives all of it, whatever was asked."""

from __future__ import annotations

import base64
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.responses import StepFunctionResponse

from infra.local.host.patching import Patches

MAX_EVENTS = 1000
"""A page holds no more, whatever is asked."""
DEFAULT_EVENTS = 100


def mend_histories(patches: Patches) -> None:
    """Honour `reverseOrder`, `maxResults` and `nextToken`."""

    def get_execution_history(response: Any) -> ActionResult:
        result: Any = original_history(response).result
        events = list(result["events"])
        if response._get_param("reverseOrder"):
            events.reverse()
        token = response._get_param("nextToken")
        start = int(base64.b64decode(token)) if token else 0
        limit = int(response._get_param("maxResults") or DEFAULT_EVENTS) or DEFAULT_EVENTS
        end = start + min(limit, MAX_EVENTS)
        page: dict[str, Any] = {"events": events[start:end]}
        if end < len(events):
            page["nextToken"] = base64.b64encode(str(end).encode()).decode()
        return ActionResult(page)

    original_history = patches.replace(
        StepFunctionResponse, "get_execution_history", get_execution_history
    )
