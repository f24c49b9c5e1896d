"""Inference components: models as processes on endpoints that were made without one.

moto has none of these operations. All copies of a component are one process here, as all instances
of an endpoint are: what can be seen is whether there is any.
https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import SageMakerModelBackend

from infra.local.host.clients import BackgroundClients
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.sagemaker.api import Placed, SageMakerOperations
from infra.local.sagemaker.endpoint_configs import configuration, containers_of
from infra.local.sagemaker.endpoints.component import Component
from infra.local.sagemaker.endpoints.component_scaling import ComponentScaling
from infra.local.sagemaker.endpoints.traffic import Traffic
from infra.local.sagemaker.model_server import ModelServer
from infra.local.sagemaker.traffic_shift import TrafficShift, refuse_missing_alarms

LOG_GROUP = "/aws/sagemaker/InferenceComponents"
_NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be "
    "in-progress (if configured) or try to increase the capacity by invoking "
    "UpdateInferenceComponentRuntimeConfig API."
)
_NOT_NAMED = (
    "Inference Component Name header is required for endpoints to which you plan to deploy "
    "inference components. Please include Inference Component Name header or consider using "
    "SageMaker models."
)
_LARGEST_BATCH = 0.5


class InferenceComponents:
    """The components of all endpoints, and the processes that serve them."""

    def __init__(self) -> None:
        self._operations = SageMakerOperations()
        self._patches = Patches()
        self._components: dict[Placed, Component] = {}
        self._lock = threading.Lock()
        self._settings = LocalSettings()
        self._clients: BackgroundClients | None = None
        self._scaling: ComponentScaling | None = None

    def install(self, settings: LocalSettings, clients: BackgroundClients) -> None:
        self._settings, self._clients = settings, clients
        for name, operation in {
            "create_inference_component": self._create,
            "describe_inference_component": self._describe,
            "list_inference_components": self._list,
            "update_inference_component": self._update,
            "update_inference_component_runtime_config": self._update_copies,
            "delete_inference_component": self._delete,
        }.items():
            self._operations.answer(name, operation)
        original = SageMakerModelBackend._get_resource_from_arn

        def resource_from_arn(backend: Any, arn: str) -> Any:
            kind, _, name = arn.rpartition(":")[2].partition("/")
            place = Placed(backend.region_name, name)
            return self._components.get(place) if kind == Component.KIND else original(backend, arn)

        check_models = SageMakerModelBackend.validate_production_variants

        def check_models_named(backend: Any, variants: list[dict[str, Any]]) -> None:
            check_models(backend, [item for item in variants if "ModelName" in item])

        patch = self._patches.replace
        patch(SageMakerModelBackend, "_get_resource_from_arn", resource_from_arn)
        patch(SageMakerModelBackend, "validate_production_variants", check_models_named)
        self._scaling = ComponentScaling(settings.rollout_scale, self._all, self._scale)
        self._scaling.start()

    def close(self) -> None:
        """End every process. Call before `restore`."""
        if self._scaling is not None:
            self._scaling.close()
        with self._lock:
            components = list(self._components.values())
            self._components.clear()
        for component in components:
            component.traffic.close(drain=False)
            component.join()

    def restore(self) -> None:
        self._patches.restore()
        self._operations.restore()

    def of_endpoint(self, endpoint: Placed) -> list[str]:
        """Names of the components on an endpoint."""
        return [item.name for item in self._all() if item.endpoint == endpoint]

    def enter(self, endpoint: Placed, name: str | None) -> ModelServer | str:
        """A server with one more request in flight, or why there is none, in SageMaker's words."""
        if name is None:
            return _NOT_NAMED
        component = self._components.get(Placed(endpoint.region, name))
        if component is None or component.endpoint != endpoint:
            return f"Inference Component {name} of endpoint {endpoint.name} not found."
        return component.enter() or _NO_CAPACITY

    def _all(self) -> list[Component]:
        with self._lock:
            return list(self._components.values())

    def _create(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        name, endpoint_name = parameters["InferenceComponentName"], parameters["EndpointName"]
        endpoint = backend.endpoints.get(endpoint_name)
        if endpoint is None:
            raise AWSValidationException(f'Could not find endpoint "{endpoint_name}".')
        if endpoint.endpoint_status != "InService":
            raise AWSValidationException(
                f'Cannot create inference component on endpoint "{endpoint.arn}" in status '
                f"{endpoint.endpoint_status}; it has to be InService."
            )
        variant = configuration(backend, endpoint.endpoint_config_name).production_variants[0]
        if "ModelName" in variant:
            raise AWSValidationException(
                f'Endpoint "{endpoint.arn}" serves a model of its own and takes no component.'
            )
        assert self._clients is not None
        place = Placed(backend.region_name, name)
        clients = self._clients.in_region(place.region)
        with self._lock:
            if place in self._components:
                arn = self._components[place].arn
                raise AWSValidationException(
                    f'Cannot create already existing inference component "{arn}".'
                )
            component = Component(
                name,
                Placed(place.region, endpoint_name),
                variant,
                parameters["Specification"],
                parameters.get("Tags") or [],
                partial(Traffic, name, self._settings, clients, log_group=LOG_GROUP),
            )
            self._components[place] = component
        copies = int((parameters.get("RuntimeConfig") or {"CopyCount": 1})["CopyCount"])
        component.begin("Creating", copies)
        self._start(component, backend, copies, failed="Failed")
        return {"InferenceComponentArn": component.arn}

    def _describe(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        return self._find(parameters, backend).described()

    def _list(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        part, endpoint = parameters.get("NameContains"), parameters.get("EndpointNameEquals")
        chosen = [
            item.summary()
            for item in self._all()
            if item.endpoint.region == backend.region_name
            and (part is None or part in item.name)
            and (endpoint is None or item.endpoint.name == endpoint)
        ]
        return {"InferenceComponents": chosen}

    def _update(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        """A rolling update: the new copies take over one after another, unless an alarm trips."""
        component = self._find(parameters, backend)
        if "RuntimeConfig" in parameters:
            raise AWSValidationException(
                "Give the copies to UpdateInferenceComponentRuntimeConfig; the embedded cloud "
                "changes either the model or its copies."
            )
        specification = {**component.specification, **parameters["Specification"]}
        config = parameters.get("DeploymentConfig")
        shift = rolling(config, component.current_copies, self._settings.rollout_scale)
        assert self._clients is not None
        refuse_missing_alarms(self._clients.in_region(backend.region_name).cloudwatch, shift)
        containers = self._containers(component, specification, backend)
        component.begin("Updating", component.current_copies)
        if not component.current_copies:
            component.finish(None, specification, 0)
            return {"InferenceComponentArn": component.arn}

        def finished(reason: str | None) -> None:
            taken = component.specification if reason else specification
            component.last_deployment_config = config
            component.finish(reason, taken, component.desired_copies)

        variants = [component.variant_of(specification)]
        component.traffic.roll_out(variants, containers, finished, shift)
        return {"InferenceComponentArn": component.arn}

    def _update_copies(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        component = self._find(parameters, backend)
        self._set_copies(component, parameters["DesiredRuntimeConfig"]["CopyCount"], backend)
        return {"InferenceComponentArn": component.arn}

    def _scale(self, component: Component, copies: int, backend: Any) -> None:
        """What Application Auto Scaling does; a component that is being changed is left."""
        try:
            self._set_copies(component, copies, backend)
        except AWSValidationException:
            return

    def _set_copies(self, component: Component, copies: int, backend: Any) -> None:
        before = component.current_copies
        component.begin("Updating", copies)
        if copies and not before:
            self._start(component, backend, copies, failed="InService")
        elif before and not copies:
            component.stop(lambda: component.finish(None, component.specification, 0))
        else:
            component.finish(None, component.specification, copies)

    def _start(self, component: Component, backend: Any, copies: int, *, failed: str) -> None:
        """Start the process; a component that never served fails with it."""
        if not copies:
            component.finish(None, component.specification, 0)
            return
        specification = component.specification
        containers = self._containers(component, specification, backend)

        def finished(reason: str | None) -> None:
            status = failed if reason else "InService"
            component.finish(reason, specification, 0 if reason else copies, status)

        variants = [component.variant_of(specification)]
        component.traffic.roll_out(variants, containers, finished)

    def _delete(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        component = self._find(parameters, backend)
        component.begin("Deleting", 0)

        def gone() -> None:
            with self._lock:
                self._components.pop(Placed(component.endpoint.region, component.name), None)

        component.stop(gone)
        return {}

    def _find(self, parameters: dict[str, Any], backend: Any) -> Component:
        place = Placed(backend.region_name, parameters["InferenceComponentName"])
        component = self._components.get(place)
        if component is None:
            raise AWSValidationException(
                f'Could not find inference component "{Component.arn_of(place)}".'
            )
        return component

    def _containers(
        self, component: Component, specification: Mapping[str, Any], backend: Any
    ) -> dict[str, Mapping[str, Any]]:
        return containers_of(backend, [component.variant_of(specification)])


def rolling(config: Mapping[str, Any] | None, copies: int, scale: float) -> TrafficShift:
    """Read the DeploymentConfig of a component; `scale` shortens its waits.

    Raises:
        AWSValidationException: a batch is more than half of several copies.
    """
    if not config:
        return TrafficShift()
    policy = config["RollingUpdatePolicy"]
    size = policy["MaximumBatchSize"]
    copies = max(1, copies)
    step = float(size["Value"]) / (copies if size["Type"] == "COPY_COUNT" else 100.0)
    if step > _LARGEST_BATCH and copies > 1:
        raise AWSValidationException(
            f"MaximumBatchSize must be at most 50% of the {copies} copies; it is {step:.0%}"
        )
    step = min(1.0, step)
    wait = float(policy["WaitIntervalInSeconds"]) * scale
    alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    return TrafficShift(
        shares=(*(step * n for n in range(1, math.ceil(1 / step - 1e-9))), 1.0),
        wait_seconds=wait,
        final_seconds=wait,
        alarm_names=tuple(alarm["AlarmName"] for alarm in alarms),
    )
