"""`run.json`: the outcome of a run, for scripts. Its JSON Schema is published in docs/."""

from __future__ import annotations

from pydantic import Field

from stratos.contracts.distillation import CurvePoint, Reinforced
from stratos.contracts.jobs import EvaluatedExample, PrecisionScore, ProbeResult, SynthesizeResult
from stratos.contracts.measurements import BatchResult, LoadResult, Measurement
from stratos.contracts.plan import Interval, PlannedEngine, PlanSet, ServedPrecision, Server
from stratos.contracts.records import SampledAttempt
from stratos.contracts.run import RunStatus
from stratos.dataset.inspection import Inspection
from stratos.frozen import FrozenModel
from stratos.hosting.deployment import HostingChoice
from stratos.moment import Moment
from stratos.spec import StrategyName
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.wilson import Proportion

REJECTED_RUNS = "RejectedRuns"
"""Metric: runs that ended because of their spec or dataset, or because a person refused them."""


class StrategySummary(FrozenModel):
    choice: StrategyName
    reason: str
    forced: bool


class ModelSummary(FrozenModel):
    name: str
    accuracy: Proportion
    """On the held-out split."""
    num_parameters: int | None
    tokens_per_second: float | None
    probe: ProbeResult | None = None


class ServedSummary(FrozenModel):
    """What answers for the student, and what it was scored through."""

    scored_through: str
    """The engine of the evaluation, with its version."""
    precision: ServedPrecision | None
    """Of the student's accuracy, and of what is served; None in runs of before."""
    engine: PlannedEngine | None
    """As planned: what it is told of context and slots."""
    beside: PrecisionScore | None = None
    """The same weights in the other precision that they were scored in."""
    changed: str | None = None
    """Why it is not the precision that was planned."""


class ConstraintOutcome(FrozenModel):
    """One constraint: what was asked, what was predicted, what was measured."""

    name: str
    asked: float
    predicted: Interval | None
    measured: float | None
    passed: bool | None
    """None if nothing was measured, if too few requests came to claim the percentile, or if the run
    ended before it was done, within the hours or dollars that it had spent until then."""
    by_default: bool = False
    """Nobody asked for it: the spec names none, and the stack has one."""


class Saving(FrozenModel):
    """A month of the declared load: what the teacher would charge, and what the student costs."""

    teacher: str
    requests_per_month: float
    prompt_tokens: float
    """Of one request: as the spec's load says, else their mean in the dataset."""
    output_tokens: float
    input_usd_per_million_tokens: float
    """Asked one by one, not in batches."""
    output_usd_per_million_tokens: float
    teacher_usd_per_month: float
    hosting_usd_per_month: float
    """Of the student, in service for the whole month."""
    is_forecast: bool
    """Nothing is in service: hosting is what the plan forecasts."""

    @property
    def usd_per_month(self) -> float:
        """Below 0 if the student costs more than the teacher."""
        return self.teacher_usd_per_month - self.hosting_usd_per_month


class Phase(FrozenModel):
    """Where time and money went: one phase of the execution."""

    name: str
    seconds: float
    cost_usd: float


class EndpointSummary(FrozenModel):
    name: str
    server: Server
    expires_at: Moment | None
    load: LoadResult | None
    usd_per_1000_requests: Interval | None = None
    """At the declared load, per 1,000 answered requests."""
    hosting: HostingChoice | None = None
    """How it is hosted, and why."""


class BatchSummary(FrozenModel):
    """The model for batches (`stratos batch`); it has no endpoint."""

    model_name: str
    server: Server
    measured: BatchResult
    hosting: HostingChoice


class TrainingSummary(FrozenModel):
    steps: int
    training_tokens: int
    tokens_per_second: float
    final_loss: float
    peak_memory_mib: float
    curve: tuple[CurvePoint, ...]
    server: Server | None = None
    """That SageMaker started it on; None in runs of before it was asked."""
    planned_steps: int | None = None
    """None in runs of before it was told."""
    cut_short: str | None = None
    """What ended it before its planned steps were done, and what to ask for."""
    cpu_share: float | None = None
    """Of the CPU time that it asked for, what it got: other programs had the rest."""
    reinforced: Reinforced | None = None
    """Without it, and in runs of before it was told, null."""


class RunSummary(FrozenModel):
    """The outcome of a run. Fields are null if the run ended before they were known."""

    run_id: str
    spec_name: str
    status: RunStatus
    reason: str
    """Why it ended as it did, in words."""
    started_at: Moment
    ended_at: Moment
    content_hash: str | None = None
    dataset: Inspection | None = None
    strategy: StrategySummary | None = None
    teacher: ModelSummary | None = None
    student: ModelSummary | None = None
    served: ServedSummary | None = None
    """None in runs of before engines were planned."""
    untuned_student: Proportion | None = None
    baselines: dict[str, Proportion] = Field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    synthesis: SynthesizeResult | None = None
    samples: tuple[SampledAttempt, ...] = ()
    """Of synthesis: a few attempts that were kept, and a few for each reason of rejecting."""
    training: TrainingSummary | None = None
    constraints: tuple[ConstraintOutcome, ...] = ()
    phases: tuple[Phase, ...] = ()
    total_usd: float = 0.0
    saving: Saving | None = None
    """Against today's teacher."""
    saving_unknown: str | None = None
    """Why there is none, and what to give."""
    endpoint: EndpointSummary | None = None
    batch: BatchSummary | None = None
    """In place of an endpoint."""
    measurements: tuple[Measurement, ...] = ()
    """Every endpoint or batch that was measured, the last one last."""
    plans: PlanSet | None = None
    examples: tuple[EvaluatedExample, ...] = ()
    notes: tuple[str, ...] = ()
