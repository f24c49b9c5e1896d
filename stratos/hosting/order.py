"""Everything that a deployment is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.components import LiveComponent
from stratos.hosting.model_package import Lineage
from stratos.hosting.names import StackNames
from stratos.spec import ModeName, Spec


@dataclass(frozen=True)
class Artifact:
    """The distilled model.

    Attributes:
        uri: Of model.tar.gz in S3.
        num_bytes: Its size, from which the time to start is allowed for.
        tool_parser: vLLM's, for the tool calls that it writes; None if it writes none.
    """

    uri: str
    num_bytes: int
    tool_parser: str | None = None


@dataclass(frozen=True)
class LiveEndpoint:
    """The endpoint that is in service under the spec's name.

    Attributes:
        config_name: What it had before the run; None of one that the run made itself.
        component: What it serves, where its model is in a component.
    """

    mode: ModeName
    config_name: str | None
    component: LiveComponent | None = None


@dataclass(frozen=True)
class Order:
    """A model that is to be put into service for a run.

    Attributes:
        names: Of the stack that the run belongs to.
        lineage: What the registry is told of the model's origin.
        servers: The catalog that the plan's server is from.
        live: The endpoint that is in service, if one is.
        suffix: Tells deployments of one attempt apart.
        kms_key_arn: What answers to batches are encrypted by.
        stand_ins: Plans that serve the model in the place of its own where instances are out.
        own_endpoint: Whether the run makes an endpoint of its own, beside that in service.
    """

    names: StackNames
    run: RunRef
    spec: Spec
    evidence: MatchEvidence
    evaluation: EvaluateResult
    lineage: Lineage
    artifact: Artifact
    servers: ServerCatalog
    now: datetime
    live: LiveEndpoint | None = None
    suffix: str = ""
    kms_key_arn: str | None = None
    stand_ins: tuple[Plan, ...] = ()
    own_endpoint: bool = False
    plan: Plan = field(init=False)
    name: str = field(init=False)
    """Of the model, and of the endpoint's configuration."""
    endpoint_name: str = field(init=False)

    def __post_init__(self) -> None:
        name = self.names.deployment(self.run.run_id, self.evidence.attempt, self.suffix)
        object.__setattr__(self, "plan", self.evidence.matching.plan)
        object.__setattr__(self, "name", name)
        shared = self.names.endpoint(self.spec.name)
        object.__setattr__(self, "endpoint_name", name if self.own_endpoint else shared)
