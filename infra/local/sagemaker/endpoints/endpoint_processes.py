"""Endpoints as real processes: created, updated without a gap, invoked and deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException, ValidationError
from moto.sagemaker.models import (
    FakeEndpoint,
    FakeEndpointConfig,
    SageMakerModelBackend,
    sagemaker_backends,
)

from infra.local.host.capacity import Capacity
from infra.local.host.clients import BackgroundClients
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from infra.local.iam.sessions import Session, region_of
from infra.local.sagemaker.account_quotas import refuse_over_quota
from infra.local.sagemaker.api import Placed, SageMakerOperations, utc_now
from infra.local.sagemaker.endpoint_configs import (
    InstanceOffer,
    accept_instance_type,
    accept_variants,
    configuration,
    containers_of,
    create_endpoint_config,
    keep_network,
    offers_of,
    refuse_taken_model,
)
from infra.local.sagemaker.endpoints.components import InferenceComponents
from infra.local.sagemaker.endpoints.invocations import Invocations
from infra.local.sagemaker.endpoints.kinds import (
    in_service,
    refuse_other_kind,
    takes_components,
)
from infra.local.sagemaker.endpoints.provisioning import NO_CAPACITY, provision
from infra.local.sagemaker.endpoints.traffic import Traffic
from infra.local.sagemaker.execution_role import model_session
from infra.local.sagemaker.model_registry import ModelRegistry
from infra.local.sagemaker.model_server import ModelServer
from infra.local.sagemaker.own_region import refuse_foreign_images
from infra.local.sagemaker.state_events import announce
from infra.local.sagemaker.traffic_shift import TrafficShift, refuse_missing_alarms


class EndpointProcesses:
    """Models, endpoint configurations and endpoints; the last are subprocesses that serve."""

    def __init__(self) -> None:
        self._operations = SageMakerOperations()
        self._patches = Patches()
        self._registry = ModelRegistry()
        self._components = InferenceComponents()
        self._invocations = Invocations(
            self._route, self._queue_of, self._component, self._session_of
        )
        self._traffic: dict[Placed, Traffic] = {}
        self._retiring: list[threading.Thread] = []
        self._provisioning: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._settings = LocalSettings()
        self._clients: BackgroundClients | None = None

    def install(self, settings: LocalSettings) -> None:
        self._settings = settings
        self._clients = BackgroundClients.connect(settings)
        self._registry.install()
        self._components.install(settings, self._clients)
        self._invocations.install(self._clients)
        self._operations.mend("create_model", refuse_taken_model)
        self._operations.mend("create_model", refuse_foreign_images)
        self._operations.after("create_model", keep_network)
        self._operations.answer("create_endpoint_config", create_endpoint_config)
        self._operations.answer("update_endpoint", self._update)
        self._operations.mend("update_endpoint_weights_and_capacities", _complete_weights)
        # At the backend, because CloudFormation creates and deletes endpoints there as well.
        self._patch(SageMakerModelBackend, "create_endpoint", self._create)
        self._patch(SageMakerModelBackend, "delete_endpoint", self._delete)
        self._patch(FakeEndpointConfig, "validate_instance_type", accept_instance_type)
        self._patch(FakeEndpointConfig, "validate_production_variants", accept_variants)

    def close(self) -> None:
        with self._lock:
            served = list(self._traffic.values())
            self._traffic.clear()
            retiring, provisioning = list(self._retiring), list(self._provisioning)
        for thread in provisioning:
            thread.join()
        for traffic in served:
            traffic.close(drain=False)
        for thread in retiring:
            thread.join()
        self._components.close()
        self._patches.restore()
        self._operations.restore()
        self._invocations.restore()
        self._components.restore()
        self._registry.restore()

    def _patch(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        def method(*arguments: Any, **named: Any) -> Any:
            return function(*arguments, **named)

        self._patches.replace(owner, name, method)

    def _create(
        self,
        backend: Any,
        endpoint_name: str,
        endpoint_config_name: str,
        tags: list[dict[str, str]] | None,
    ) -> Any:
        config = configuration(backend, endpoint_config_name)
        offers = offers_of(backend, config.production_variants)
        self._refuse_over_quota(offers, backend.region_name)
        assert self._clients is not None
        with self._lock:
            if endpoint_name in backend.endpoints:
                arn = backend.endpoints[endpoint_name].arn
                raise AWSValidationException(f'Cannot create already existing endpoint "{arn}".')
            endpoint = FakeEndpoint(
                account_id=backend.account_id,
                region_name=backend.region_name,
                endpoint_name=endpoint_name,
                endpoint_config_name=endpoint_config_name,
                production_variants=config.production_variants,
                data_capture_config=config.data_capture_config,
                tags=tags or [],
            )
            endpoint.production_variants = in_service(config.production_variants, {})
            endpoint.endpoint_status = "Creating"
            endpoint.async_inference_config = config.async_inference_config
            backend.endpoints[endpoint_name] = endpoint
            lost = partial(self._change, endpoint, "Failed")
            clients = self._clients.in_region(backend.region_name)
            traffic = Traffic(endpoint_name, self._settings, clients, lost)
            place = Placed(backend.region_name, endpoint_name)
            self._traffic[place] = traffic
        self._announce(endpoint)

        def finished(reason: str | None, types: Mapping[str, str | None]) -> None:
            endpoint.production_variants = in_service(config.production_variants, types)
            self._change(endpoint, "InService" if reason is None else "Failed", reason)

        self._provision(place, traffic, offers, finished)
        return endpoint

    def _refuse_over_quota(
        self, offers: Mapping[str, Sequence[InstanceOffer]], region: str
    ) -> None:
        capacity = Capacity(self._settings, region)
        for several in offers.values():
            refuse_over_quota(capacity, [one.instances for one in several], "hosting")

    def _provision(
        self,
        place: Placed,
        traffic: Traffic,
        offers: Mapping[str, Sequence[InstanceOffer]],
        finished: Callable[[str | None, Mapping[str, str | None]], None],
        shift: TrafficShift = TrafficShift(),  # noqa: B008 - it is frozen
    ) -> None:
        """In the background, find instances for a fleet and roll it out there."""

        def gone() -> bool:
            return self._traffic.get(place) is not traffic

        scale = self._settings.rollout_scale

        def run() -> None:
            found = provision(offers, Capacity(self._settings, place.region), scale, gone)
            if gone():
                return
            if found is None:
                finished(NO_CAPACITY, {})
                return
            told = partial(_told, finished, found.types)
            traffic.roll_out(found.variants, found.containers, told, shift)

        thread = threading.Thread(target=run, name=f"provisioning-{place.name}", daemon=True)
        with self._lock:
            self._provisioning = [one for one in self._provisioning if one.is_alive()]
            self._provisioning.append(thread)
        thread.start()

    def _update(self, parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
        endpoint = _endpoint(backend, parameters["EndpointName"])
        config = configuration(backend, parameters["EndpointConfigName"])
        refuse_other_kind(endpoint, config)
        offers = offers_of(backend, config.production_variants)
        self._refuse_over_quota(offers, backend.region_name)
        shift = self._shift_of(parameters.get("DeploymentConfig"), config, backend.region_name)
        with self._lock:
            if endpoint.endpoint_status != "InService":
                raise AWSValidationException(
                    f'Cannot update endpoint "{endpoint.arn}" in status '
                    f"{endpoint.endpoint_status}; it has to be InService."
                )
            endpoint.endpoint_status = "Updating"
            endpoint.last_modified_time = utc_now()
            place = Placed(backend.region_name, endpoint.endpoint_name)
            traffic = self._traffic[place]
        self._announce(endpoint)

        def finished(reason: str | None, types: Mapping[str, str | None]) -> None:
            if reason is None:
                endpoint.production_variants = in_service(config.production_variants, types)
                endpoint.endpoint_config_name = config.endpoint_config_name
                if parameters.get("DeploymentConfig"):
                    endpoint.last_deployment_config = parameters["DeploymentConfig"]
            self._change(endpoint, "InService", reason)

        self._provision(place, traffic, offers, finished, shift)
        return {"EndpointArn": endpoint.arn}

    def _shift_of(
        self, config: dict[str, Any] | None, endpoint_config: Any, region: str
    ) -> TrafficShift:
        """How the traffic is to move, once every alarm it names is there."""
        counts = [v.get("InitialInstanceCount", 1) for v in endpoint_config.production_variants]
        shift = TrafficShift.of(config, min(counts), self._settings.rollout_scale)
        assert self._clients is not None
        refuse_missing_alarms(self._clients.in_region(region).cloudwatch, shift)
        return shift

    def _delete(self, backend: Any, endpoint_name: str) -> None:
        endpoint = _endpoint(backend, endpoint_name)
        place = Placed(backend.region_name, endpoint_name)
        if components := self._components.of_endpoint(place):
            raise AWSValidationException(
                f'Cannot delete endpoint "{endpoint.arn}": it hosts inference component '
                f"{', '.join(components)}. Delete that first."
            )
        with self._lock:
            backend.endpoints.pop(endpoint_name, None)
            traffic = self._traffic.pop(place, None)
        endpoint.endpoint_status = "Deleting"
        self._announce(endpoint)
        if traffic is not None:
            thread = threading.Thread(target=traffic.close, kwargs={"drain": True}, daemon=True)
            with self._lock:
                self._retiring = [retiring for retiring in self._retiring if retiring.is_alive()]
                self._retiring.append(thread)
            thread.start()

    def _change(self, endpoint: Any, status: str, reason: str | None) -> None:
        endpoint.failure_reason = reason
        endpoint.last_modified_time = utc_now()
        endpoint.endpoint_status = status
        self._announce(endpoint)

    def _announce(self, endpoint: Any) -> None:
        assert self._clients is not None
        announce(
            self._clients.in_region(region_of(endpoint.arn)).events,
            "SageMaker Endpoint State Change",
            endpoint.arn,
            {**endpoint.response_object, "EndpointStatus": endpoint.endpoint_status.upper()},
        )

    def _route(self, place: Placed, target: str | None) -> ModelServer | None:
        traffic = self._traffic.get(place)
        endpoint = _backend(place).endpoints.get(place.name)
        if traffic is None or endpoint is None:
            return None
        weights = {
            variant["VariantName"]: float(variant["CurrentWeight"])
            for variant in endpoint.production_variants
        }
        return traffic.enter(weights, target)

    def _component(self, place: Placed, component: str | None) -> ModelServer | str | None:
        """A server of a component, or why there is none; None for endpoints of another kind."""
        endpoint = _backend(place).endpoints.get(place.name)
        if endpoint is None or not takes_components(endpoint):
            return None
        return self._components.enter(place, component)

    def _session_of(self, place: Placed) -> Session:
        """The session of the role of an endpoint's model."""
        backend = _backend(place)
        endpoint = backend.endpoints[place.name]
        config = configuration(backend, endpoint.endpoint_config_name)
        containers = containers_of(backend, config.production_variants)
        return model_session(next(iter(containers.values())), endpoint.arn)

    def _queue_of(self, place: Placed) -> Mapping[str, Any] | None:
        endpoint = _backend(place).endpoints.get(place.name)
        return getattr(endpoint, "async_inference_config", None) or None


def _backend(place: Placed) -> Any:
    return sagemaker_backends[ACCOUNT_ID][place.region]


def _endpoint(backend: Any, name: str) -> Any:
    endpoint = backend.endpoints.get(name)
    if endpoint is None:
        arn = FakeEndpoint.arn_formatter(name, backend.account_id, backend.region_name)
        raise ValidationError(message=f'Could not find endpoint "{arn}".')
    return endpoint


def _told(
    finished: Callable[[str | None, Mapping[str, str | None]], None],
    types: Mapping[str, str | None],
    reason: str | None,
) -> None:
    finished(reason, types)


def _complete_weights(backend: Any, parameters: dict[str, Any]) -> None:
    """Fill in what a request leaves out; moto would set it to nothing."""
    current = {
        variant["VariantName"]: variant
        for variant in _endpoint(backend, parameters["EndpointName"]).production_variants
    }
    for wanted in parameters["DesiredWeightsAndCapacities"]:
        variant = current.get(wanted["VariantName"], {})
        wanted.setdefault("DesiredWeight", variant.get("CurrentWeight"))
        wanted.setdefault("DesiredInstanceCount", variant.get("CurrentInstanceCount"))
