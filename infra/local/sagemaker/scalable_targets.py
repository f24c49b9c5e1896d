"""Scalable targets, mended where moto's errors and policies differ from those of AWS."""

from __future__ import annotations

from enum import Enum
from typing import Any

from moto.applicationautoscaling import models, responses
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.core.exceptions import JsonRESTError

from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings

_COMPONENT_COPIES = "sagemaker:inference-component:DesiredCopyCount"


def add_component_dimension(patches: Patches) -> None:
    """Let moto take the copies of an inference component for something that scales."""
    known = {item.name: item.value for item in models.ScalableDimensionValueSet}
    dimensions = Enum("ScalableDimensionValueSet", known | {"COMPONENT_COPIES": _COMPONENT_COPIES})  # type: ignore[misc]
    for module in (models, responses):
        patches.replace(module, "ScalableDimensionValueSet", dimensions)


class ScalableTargets:
    """Seam: a target takes its policies with it, and one that is not there is not found."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        add_component_dimension(self._patches)
        backend_class = ApplicationAutoscalingBackend

        def deregister(backend: Any, namespace: str, r_id: str, dimension: str) -> None:
            if r_id not in backend.targets.get(dimension, ()):
                raise JsonRESTError(
                    "ObjectNotFoundException",
                    f"No scalable target found for service namespace: {namespace}, "
                    f"resource ID: {r_id}, scalable dimension: {dimension}",
                )
            for key, policy in list(backend.policies.items()):
                if (policy.resource_id, policy.scalable_dimension) == (r_id, dimension):
                    policy.delete_alarms(backend.account_id, backend.region_name)
                    del backend.policies[key]
            original(backend, namespace, r_id, dimension)

        original = self._patches.replace(backend_class, "deregister_scalable_target", deregister)

    def close(self) -> None:
        self._patches.restore()
