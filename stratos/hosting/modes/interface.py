"""What a hosting mode is: one module of this package, and one row of `HOSTING_MODES`.

The planner asks every mode for its offer on every server. The deployment is made by the mode that
was chosen, and asked, billed and moved to another server as that mode says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from stratos.contracts.plan import Server
from stratos.hosting.container import ServingContainer
from stratos.hosting.deployment import Deployment, HostingChoice
from stratos.hosting.next_server import NextServer, Tried
from stratos.hosting.offer import Hosted, Offer
from stratos.hosting.order import Order
from stratos.spec import HOSTING_MODES, ModeName


@dataclass(frozen=True)
class Parts:
    """What a deployment is put together from, whatever its mode."""

    order: Order
    hosting: HostingChoice
    container: ServingContainer
    tags: list[dict[str, str]]
    model_package: dict[str, Any]
    billed_usd_per_hour: float
    """Of its instances, as the mode bills them."""


@dataclass(frozen=True)
class Connection:
    """How an endpoint is reached.

    Attributes:
        runtime: boto3's `sagemaker-runtime`.
        s3: boto3's `s3`, for answers that come through the bucket.
        patience_seconds: How long an answer, or an instance that has to start, is waited for.
        tell: Is told once that there is something to wait for.
    """

    endpoint_name: str
    spec_name: str
    bucket: str
    runtime: Any
    s3: Any
    patience_seconds: float
    tell: Callable[[str], None] = lambda _: None


class HostingMode(ABC):
    """One way to host a model."""

    name: ClassVar[ModeName]
    on_instances: ClassVar[bool] = True
    """On the planned server; else on processors that SageMaker chooses and does not name."""
    starts_cold: ClassVar[bool] = True
    """The first request after a pause waits for a start, or is refused."""
    in_call: ClassVar[bool] = True
    """An answer comes in the call that asks for it."""
    in_component: ClassVar[bool] = False
    """The model is in an inference component of its endpoint."""
    keeps_busy: ClassVar[bool] = False
    """Requests wait in a file, so that a server never rests, and is judged by that."""
    package_instance_types: ClassVar[
        Literal["SupportedRealtimeInferenceInstanceTypes", "SupportedTransformInstanceTypes"]
    ] = "SupportedRealtimeInferenceInstanceTypes"
    """Where the model registry is told the instance type."""

    has_endpoint: ClassVar[bool] = True
    """As its row says."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            cls.has_endpoint = HOSTING_MODES[cls.name].has_endpoint

    @abstractmethod
    def offer(self, hosted: Hosted) -> Offer:
        """How it is billed, how it starts, and what speaks against it."""

    @abstractmethod
    def told(self, server: Server) -> str:
        """What answers requests, in words."""

    @abstractmethod
    def deployment(self, parts: Parts) -> Deployment:
        """Everything that the state machine asks SageMaker for."""

    @abstractmethod
    def hosts(self, described: Mapping[str, Any]) -> bool:
        """Whether an endpoint is of this mode, by what DescribeEndpoint tells of it."""

    @abstractmethod
    def ask(self, connection: Connection, body: bytes) -> bytes:
        """Put one request, and return its answer.

        Raises:
            ClientError: the endpoint refuses it, or fails.
            EndpointNotFound: nothing answers in time.
        """

    def billed_usd_per_hour(self, server: Server) -> float:
        """Of its instances from when they are made, asked or not."""
        return server.usd_per_hour

    def answering_usd(self, hosting: HostingChoice, seconds: float) -> float:
        """What answers cost beside the hours of instances.

        Args:
            seconds: Of all requests together, as their client sees them, cold starts included.
        """
        return 0.0

    @abstractmethod
    def next_server(self, tried: Tried) -> NextServer:
        """Where the same model is tried after it missed its load."""

    def after_the_move(self, moved: Deployment, before: HostingChoice) -> Deployment:
        """A deployment in the place of one of this mode that missed its load."""
        return moved

    @property
    def moves_to(self) -> ModeName:
        """How its endpoint is hosted on the next server."""
        return self.name
