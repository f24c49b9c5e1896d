"""What moto forgets of a function's configuration, kept beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction

from infra.local.host.patching import Patches

KEPT = {"DeadLetterConfig": "dead_letter_config", "LoggingConfig": "logging_config"}
"""Properties by the attribute that holds them."""


def keep_forgotten_properties(patches: Patches) -> None:
    """Let functions remember their dead letter queue and where and how they log."""
    original_init = LambdaFunction.__init__
    original_update = LambdaFunction.update_configuration
    original_get = LambdaFunction.get_configuration

    def initialize(function: Any, account_id: str, spec: Any, *rest: Any, **named: Any) -> None:
        original_init(function, account_id, spec, *rest, **named)
        for attribute in KEPT.values():
            setattr(function, attribute, None)
        _remember(function, spec)

    def update(function: Any, updates: Mapping[str, Any]) -> Any:
        original_update(function, updates)
        _remember(function, updates)
        return function.get_configuration()

    def get(function: Any, on_create: bool = False) -> dict[str, Any]:
        configuration: dict[str, Any] = original_get(function, on_create)
        for name, attribute in KEPT.items():
            if held := getattr(function, attribute, None):
                configuration[name] = held
        return configuration

    patches.replace(LambdaFunction, "__init__", initialize)
    patches.replace(LambdaFunction, "update_configuration", update)
    patches.replace(LambdaFunction, "get_configuration", get)


def _remember(function: Any, properties: Mapping[str, Any]) -> None:
    for name, attribute in KEPT.items():
        if name in properties:
            setattr(function, attribute, properties[name])
    group = (properties.get("LoggingConfig") or {}).get("LogGroup")
    if group:
        function.logs_group_name = group
