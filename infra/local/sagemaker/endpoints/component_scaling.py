"""Application Auto Scaling of inference components, as far as it goes to zero and back.

It follows what a promotion has put: a scalable target whose least capacity is zero, its target
tracking policy, and an alarm on refused requests whose action is its step scaling policy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.sagemaker.models import sagemaker_backends

from infra.local.host.settings import ACCOUNT_ID
from infra.local.sagemaker.endpoints.component import Component

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 900.0
"""A target tracking policy scales in once its metric was low for 15 minutes."""
_REFUSED = "NoCapacityInvocationFailures"

Scale = Callable[[Component, int, Any], None]
"""Gives a component so many copies; the last argument is moto's backend."""


class ComponentScaling:
    """A thread that looks at every component again and again; `scale` shortens all times."""

    def __init__(
        self, scale: float, components: Callable[[], Iterable[Component]], set_copies: Scale
    ) -> None:
        self._scale = scale
        self._components = components
        self._set_copies = set_copies
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="component-scaling", daemon=True)
        self._woken: dict[str, float] = {}
        """By ARN."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(_POLL_SECONDS):
            for component in self._components():
                if component.in_service:
                    self._look_at(component)

    def _look_at(self, component: Component) -> None:
        region = component.endpoint.region
        targets = applicationautoscaling_backends[ACCOUNT_ID][region].targets.get(DIMENSION, {})
        target = targets.get(f"{Component.KIND}/{component.name}")
        if target is None:
            return
        now = time.monotonic()
        if component.busy:
            component.used_at = now
        wanted = None
        if component.current_copies:
            if now - component.used_at >= _IDLE_SECONDS * self._scale and _tracks(region, target):
                wanted = target.min_capacity
        elif steps := self._steps(component, now):
            wanted = min(target.max_capacity, component.current_copies + steps)
        if wanted is not None and wanted != component.current_copies:
            backend = sagemaker_backends[ACCOUNT_ID][region]
            self._set_copies(component, wanted, backend)

    def _steps(self, component: Component, now: float) -> int:
        """Copies that alarms in alarm add, by the step scaling policies that are their actions."""
        alarms = cloudwatch_backends[ACCOUNT_ID][component.endpoint.region].alarms
        policies = {p.policy_arn: p for p in _policies(component)}
        added = 0
        for alarm in list(alarms.values()):
            if alarm.metric_name != _REFUSED or not _watches(alarm, component):
                continue
            period = float(alarm.period) * self._scale
            refused = [at for at in list(component.refusals) if now - at >= period]
            if len(refused) < alarm.threshold:
                continue
            for action in alarm.alarm_actions:
                if (policy := policies.get(action)) is not None:
                    added += self._step(component, policy, now)
        return added

    def _step(self, component: Component, policy: Any, now: float) -> int:
        """What a policy adds, unless it did so a short while ago."""
        configuration = policy.step_scaling_policy_configuration
        cooldown = float(configuration.get("Cooldown") or 0) * self._scale
        if now - self._woken.get(component.arn, -cooldown) < cooldown:
            return 0
        self._woken[component.arn] = now
        return sum(int(step["ScalingAdjustment"]) for step in configuration["StepAdjustments"])


def _policies(component: Component) -> list[Any]:
    policies = applicationautoscaling_backends[ACCOUNT_ID][component.endpoint.region].policies
    named = f"{Component.KIND}/{component.name}"
    return [policy for policy in list(policies.values()) if policy.resource_id == named]


def _tracks(region: str, target: Any) -> bool:
    """Whether a target tracking policy may scale the target in."""
    policies = applicationautoscaling_backends[ACCOUNT_ID][region].policies
    return any(
        policy.resource_id == target.resource_id and policy.policy_type == "TargetTrackingScaling"
        for policy in list(policies.values())
    )


def _watches(alarm: Any, component: Component) -> bool:
    watched = {(dimension.name, dimension.value) for dimension in alarm.dimensions}
    return ("InferenceComponentName", component.name) in watched
