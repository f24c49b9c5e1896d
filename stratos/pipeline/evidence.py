"""What a run left behind, gathered for its summary and for what it teaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from stratos.contracts.distillation import DistillResult
from stratos.contracts.jobs import EvaluateResult, SynthesizeResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import PlanSet, Server
from stratos.contracts.records import SampledAttempt
from stratos.contracts.run import RunRef, RunStatus
from stratos.dataset.inspection import Inspection
from stratos.hosting.deployment import Deployment
from stratos.pipeline.summary import Phase
from stratos.spec import Spec


@dataclass
class RunEvidence:
    """What is known of a run. Fields are None if it ended before that."""

    run: RunRef
    status: RunStatus
    ended_at: datetime
    hours: float
    reason: str | None = None
    """Of the last failure, also of one from which the run recovered."""
    content_hash: str | None = None
    spec_name: str | None = None
    spec: Spec | None = None
    inspection: Inspection | None = None
    plans: PlanSet | None = None
    match: MatchEvidence | None = None
    synthesis: SynthesizeResult | None = None
    samples: tuple[SampledAttempt, ...] = ()
    distillation: DistillResult | None = None
    evaluation: EvaluateResult | None = None
    deployment: Deployment | None = None
    measurements: tuple[Measurement, ...] = ()
    promoted: bool = False
    expires_at: datetime | None = None
    phases: tuple[Phase, ...] = ()
    trained_on: Server | None = None
    """What the training that completed ran on, as SageMaker says; None if that is not known."""
    notes: list[str] = field(default_factory=list)

    @property
    def measurement(self) -> Measurement | None:
        """Of the deployment that the run ended with, if its student got that far."""
        attempt = self.match.attempt if self.match else None
        mine = [item for item in self.measurements if item.attempt == attempt]
        return mine[-1] if mine else None

    @property
    def total_usd(self) -> float:
        return sum(phase.cost_usd for phase in self.phases)
