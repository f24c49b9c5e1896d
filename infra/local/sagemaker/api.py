"""SageMaker operations that this cloud answers in place of moto."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

from infra.local.host.patching import Patches


@dataclass(frozen=True)
class Placed:
    """A name, and the region in which it is one: another region may have the same."""

    region: str
    name: str


Operation = Callable[[dict[str, Any], Any], dict[str, Any]]
"""From the request's parameters and moto's backend of its region to the response."""


class SageMakerOperations:
    """Replaces or adds operations of moto's SageMaker, and restores what was there."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._added: list[str] = []

    def answer(self, method_name: str, operation: Operation) -> None:
        """Let `operation` answer the API call that moto dispatches to `method_name`."""

        def respond(response: Any) -> Any:
            return ActionResult(operation(response.params, response.sagemaker_backend))

        self._set(method_name, respond)

    def mend(self, method_name: str, operation: Callable[[Any, dict[str, Any]], None]) -> None:
        """Run `operation` on the backend and the parameters before moto answers the call."""
        original = getattr(SageMakerResponse, method_name)

        def respond(response: Any) -> Any:
            operation(response.sagemaker_backend, response.params)
            return original(response)

        self._set(method_name, respond)

    def after(
        self,
        method_name: str,
        operation: Callable[[Any, dict[str, Any], dict[str, Any]], None],
    ) -> None:
        """Run `operation` with the backend, the parameters and what moto answered."""
        original = getattr(SageMakerResponse, method_name)

        def respond(response: Any) -> Any:
            answered = original(response)
            operation(response.sagemaker_backend, response.params, answered.result)
            return answered

        self._set(method_name, respond)

    def restore(self) -> None:
        while self._added:
            delattr(SageMakerResponse, self._added.pop())
        self._patches.restore()

    def _set(self, method_name: str, function: Callable[[Any], Any]) -> None:
        assert inspect.isfunction(function)  # moto finds operations with inspect.isfunction
        if hasattr(SageMakerResponse, method_name):
            self._patches.replace(SageMakerResponse, method_name, function)
        else:
            self._added.append(method_name)
            setattr(SageMakerResponse, method_name, function)


def utc_now() -> datetime:
    """Naive UTC, which is what moto's backends compare and serialize."""
    return datetime.now(UTC).replace(tzinfo=None)
