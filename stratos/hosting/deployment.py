"""`deployment.json`: what puts a model into service, in the shape that the state machine reads.

A model is served by an endpoint, by an inference component on an endpoint, or by batches. The state
machine tells them apart by `component` and `transform_job`, and so does whoever reads a record:
`kind` is not written, so that functions of before and after an update read each other's records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, TypeAdapter, model_validator

from stratos.contracts.plan import PlannedEngine, Server
from stratos.frozen import FrozenModel
from stratos.hosting.components import ComponentRollout
from stratos.hosting.guardrails import Guardrails
from stratos.hosting.scaling import Scaling
from stratos.hosting.transform_job import TransformJob
from stratos.moment import Moment
from stratos.spec import ModeName


class HostingChoice(FrozenModel):
    """The mode, and what it rests on."""

    mode: ModeName
    reason: str
    usd_per_month: float
    memory_gib: int | None = None
    """Of a serverless endpoint."""
    max_concurrency: int | None = None
    """Of a serverless endpoint: requests answered at once."""


class _ModelInService(FrozenModel):
    """What every way of serving needs."""

    model_name: str
    container: dict[str, Any]
    """PrimaryContainer of CreateModel."""
    hosting: HostingChoice
    tags: list[dict[str, str]]
    model_package: dict[str, Any]
    """InferenceSpecification, metrics and properties of CreateModelPackage."""
    usd_per_hour: float
    """Averaged over a month of the declared traffic."""
    billed_usd_per_hour: float = 0.0
    """Of its instances from when they are made; nothing where only answers are billed."""
    engine: PlannedEngine | None = None
    """What answers; None in records from before engines were planned."""
    deploying_since: Moment | None = None
    """When the run began to make the endpoint; None while it is only planned."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """Of every model object that it is made of."""
        return (self.model_name,)


class PoolModel(FrozenModel):
    """A model object beside that of the variant: what an instance pool serves in its place."""

    model_name: str
    container: dict[str, Any]
    """PrimaryContainer of CreateModel."""


class InstancePool(FrozenModel):
    """Instances that an endpoint may get, with what serves there and what they cost."""

    plan_id: str
    """Of the plan that forecasts them."""
    server: Server
    engine: PlannedEngine | None
    model_name: str
    usd_per_month: float


class _OnEndpoint(_ModelInService):
    """What every endpoint needs."""

    endpoint_name: str
    endpoint_config_name: str
    replaces_live: bool
    """The endpoint exists: update it instead of creating it."""
    previous_config_name: str | None
    """What the endpoint had before the run, and goes back to."""
    production_variant: dict[str, Any]
    async_inference_config: dict[str, Any] | None
    """Of CreateEndpointConfig, where requests wait in a queue."""
    guardrails: Guardrails | None
    """What an update is held by; None where SageMaker takes none (serverless)."""
    scaling: Scaling | None
    """How the fleet follows its traffic once it is promoted."""
    transform_job: None = None
    served_in: Annotated[tuple[str, ...], Field(exclude_if=lambda regions: not regions)] = ()
    """Regions that each get an endpoint of the name, where that is not the stack's own alone. They
    are in `staged.json`; this record is of the one with the most requests, with the dollars of all.
    """

    @property
    def name(self) -> str:
        """Tells the deployments of a run apart."""
        return self.endpoint_config_name

    @property
    def instance_type(self) -> str | None:
        """Of its instances; None where AWS names none."""
        return self.production_variant.get("InstanceType")

    @property
    def replaces_former(self) -> bool:
        """Another model was in service before the run."""
        return self.previous_config_name is not None


class EndpointDeployment(_OnEndpoint):
    """An endpoint whose variant names the model."""

    kind: Literal["endpoint"] = Field(default="endpoint", exclude=True)
    component: None = None
    pools: tuple[InstancePool, ...] = ()
    """Best first; none where the endpoint has no choice of instances."""
    more_models: tuple[PoolModel, ...] = ()
    """Of pools that serve another model object than the variant's."""
    pool_in_service: InstancePool | None = None
    """The pool that serves, as SageMaker says; None until it does, and where there is no choice."""
    types_in_service: tuple[str, ...] = ()
    """Every instance type that serves, where several pools do; in records of before, none."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """Of every model object that it is made of."""
        return (self.model_name, *(model.model_name for model in self.more_models))

    @property
    def instance_type(self) -> str | None:
        """That serves, or is asked for first; None where AWS names none."""
        if self.pool_in_service is not None:
            return self.pool_in_service.server.instance_type
        if self.pools:
            return self.pools[0].server.instance_type
        return self.production_variant.get("InstanceType")


class ComponentDeployment(_OnEndpoint):
    """An endpoint that is made without a model, and the component that holds it."""

    kind: Literal["component"] = Field(default="component", exclude=True)
    component: ComponentRollout


class BatchDeployment(_ModelInService):
    """A model without an endpoint, and the batch by which it is measured."""

    kind: Literal["batch"] = Field(default="batch", exclude=True)
    transform_job: TransformJob
    component: None = None
    async_inference_config: None = None
    """States that an endpoint shares with a batch look at both."""

    @property
    def name(self) -> str:
        """Tells the deployments of a run apart."""
        return self.model_name

    @property
    def replaces_former(self) -> bool:
        """Never: an endpoint keeps its kind, and batches replace no other model's."""
        return False

    @model_validator(mode="before")
    @classmethod
    def _without_an_endpoint(cls, data: Any) -> Any:
        """A record of before there were kinds has an endpoint's fields, which mean nothing."""
        if not isinstance(data, Mapping):
            return data
        meaningless = _OnEndpoint.model_fields.keys() - cls.model_fields.keys()
        return {key: data[key] for key in data.keys() - meaningless}


def _kind_of(data: Any) -> str:
    if isinstance(data, BaseModel):
        return str(getattr(data, "kind", ""))
    if not isinstance(data, Mapping):
        return "endpoint"
    if data.get("transform_job") is not None:
        return "batch"
    return "endpoint" if data.get("component") is None else "component"


AnyEndpoint = Annotated[
    Annotated[EndpointDeployment, Tag("endpoint")]
    | Annotated[ComponentDeployment, Tag("component")],
    Discriminator(_kind_of),
]
Deployment = Annotated[
    Annotated[EndpointDeployment, Tag("endpoint")]
    | Annotated[ComponentDeployment, Tag("component")]
    | Annotated[BatchDeployment, Tag("batch")],
    Discriminator(_kind_of),
]
DEPLOYMENT: TypeAdapter[Deployment] = TypeAdapter(Deployment)
"""Reads a record of any kind, and of before there were kinds."""
