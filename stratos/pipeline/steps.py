"""What the states of the execution pass to each other.

The execution's data is one JSON object; every Lambda state reads a few of its fields and adds one.
Each pair below is the input and output of one handler in `lambdas/handlers/`. The state machine in
`infra/states/workflow.py` names the same fields by JSONPath; a test compares the two.

    $.run        ClaimRun           $.match      MatchModels     $.endpoint  (describeEndpoint)
    $.parsed     ParseConstraints   $.distilled  (training job)  $.measured  MeasureEndpoint
    $.dataset    InspectDataset     $.quality    CheckQuality    $.failure   (caught error)
    $.inspection PrepareInspection
    $.candidates PlanCandidates   $.package    (createModelPackage)  $.approval  AwaitApproval
    $.transformed (transform job)

Those of an approval are in `stratos.pipeline.approvals`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stratos.contracts.measurements import BatchResult, LoadResult
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.contracts.served import ServedRegion
from stratos.frozen import FrozenModel
from stratos.hosting.deployment import (
    AnyEndpoint,
    BatchDeployment,
    ComponentDeployment,
    Deployment,
)
from stratos.hosting.ownership import Orphan
from stratos.moment import Moment
from stratos.pipeline.sharded import ShardedJob
from stratos.spec import StrategyName


class ClaimInput(FrozenModel):
    """An EventBridge `Object Created` event, or `{"rerun": {"bucket", "key"}}` from a schedule."""

    event: Any
    """As whoever started the execution wrote it."""
    execution_arn: str
    started_at: Moment


class ParseInput(FrozenModel):
    run: RunRef


class Parsed(FrozenModel):
    spec_uri: str
    """The spec as JSON, every default filled in."""
    name: str
    schedule: str | None
    keep_endpoint: bool
    approval_timeout_seconds: int | None
    """How long a person has to approve the model; None if nobody is asked."""
    schedule_timezone: str = "UTC"
    """Time zone of the schedule. Runs that began before there was a choice do not have it."""


class PlaceInput(FrozenModel):
    """A run that asks for a place among those that work; the answer goes to the task token."""

    run: RunRef
    spec_name: str
    task_token: str


class PlaceAsked(FrozenModel):
    """For the log; the state goes on with the answer, which is the run."""

    waits: str | None
    """Its place in the queue and what it waits for; None if it may work."""


RolesOfJobs = Literal["shared", "own"]
"""What the definition of an execution starts training jobs under: those that began before each run
had roles of its own do not say it, and go on with the one that all shared."""


class InspectInput(FrozenModel):
    run: RunRef
    roles: RolesOfJobs = "shared"


class Dataset(FrozenModel):
    """The dataset, split and counted."""

    uri: str
    """S3 prefix with train.jsonl, probe.jsonl, heldout.jsonl, inspection.json; the last one alone
    where nothing changed."""
    num_train: int
    num_probe: int
    num_heldout: int
    num_gold: int
    """Records with a gold answer, over all splits."""
    num_replies: int = 0
    """Records with a logged reply, over all splits; 0 in payloads from before it was counted."""
    num_duplicates_removed: int
    num_bad_lines: int
    mean_prompt_characters: float
    longest_prompt_characters: int | None = None
    """None in payloads of runs that began before it was counted."""
    mean_gold_characters: float
    content_hash: str
    """Over spec, dataset, checker and model folders: equal hashes mean equal inputs."""
    unchanged: bool
    """A scheduled rerun with the same inputs as the last run of this spec that succeeded."""


class PlanInput(FrozenModel):
    run: RunRef
    roles: RolesOfJobs = "shared"
    dataset: Dataset


class TrainingJob(FrozenModel):
    """A SageMaker training job to run. Maps are in the shape of the CreateTrainingJob request."""

    step: str
    """`inspect`, `probe-t0`, `synthesize-a0`, `distill-a0`, `evaluate-a0`: its folder in jobs/."""
    name: str
    """Unique for each attempt, as SageMaker requires."""
    attempt: int
    image_uri: str
    hyper_parameters: dict[str, str]
    input_data_config: list[dict[str, Any]]
    output_data_config: dict[str, Any]
    resource_config: dict[str, Any]
    ebs_gib: int | None = None
    """Disk that it needs on a server without one of its own, wherever it is asked for now. None in
    executions from before it was kept."""
    stopping_condition: dict[str, Any]
    checkpoint_config: dict[str, Any]
    environment: dict[str, str]
    spot: bool
    usd_per_hour: float
    result_uri: str
    region: str = ""
    """Where it runs; empty for the stack's own region, as in executions from before there was a
    choice. URIs and ARNs are those of the stack's own region, wherever it runs."""


class Candidates(FrozenModel):
    """The shortlist, before any money is spent."""

    plans_uri: str
    probes: list[TrainingJob]
    summary: str
    """One line for the console."""


class ProbeOutcome(FrozenModel):
    """One probe of the Map: it finished, or it dropped its candidate."""

    step: str
    failed: str | None = None


class MatchInput(FrozenModel):
    run: RunRef
    roles: RolesOfJobs = "shared"
    dataset: Dataset
    candidates: Candidates
    probes: list[ProbeOutcome]
    attempt: int
    """0 first; one more for each student that missed its accuracy gate."""


class Match(FrozenModel):
    """The chosen teacher, student, strategy and servers, and the jobs that carry them out."""

    match_uri: str
    attempt: int
    strategy: StrategyName
    reason: str
    teacher: str
    student: str
    synthesize: TrainingJob
    distill: TrainingJob
    evaluate: TrainingJob
    serving: Server
    synthesis_shards: ShardedJob | None = None
    """In place of `synthesize`, where it is split over several servers."""
    evaluation_shards: ShardedJob | None = None


class JobFailure(FrozenModel):
    """What Step Functions caught: the error's name, and the described job (JSON) as its cause."""

    Error: str
    Cause: str = ""


class DiagnoseInput(FrozenModel):
    run: RunRef
    job: TrainingJob
    failure: JobFailure


JobOutcome = Literal[
    "capacity", "quota", "unreachable", "stopped", "timeout", "user_error", "crash"
]


class Diagnosis(FrozenModel):
    """What became of a failed job, and what to do next."""

    outcome: JobOutcome
    retry: bool
    reason: str
    """In words, for the report."""
    job: TrainingJob
    """The next attempt, under a new name; the same job if `retry` is false."""


class QualityInput(FrozenModel):
    run: RunRef
    dataset: Dataset
    match: Match
    model_artifact: str
    """S3 URI of the distilled model.tar.gz."""


class Quality(FrozenModel):
    """The verdict on the held-out split."""

    passed: bool
    next_attempt: int | None
    """Of another candidate that fits into the budget; None if there is none."""
    reason: str
    deployment: Deployment | None


class TurnInput(FrozenModel):
    """A deployment that waits for its turn. The answer is the same deployment, updated."""

    run: RunRef
    deployment: AnyEndpoint


class ComponentInput(FrozenModel):
    """A change of an endpoint or its component, and the state to wait for."""

    deployment: ComponentDeployment
    awaits: Literal["endpoint", "copies", "model"]
    """`endpoint`: it is in service. `copies`: the planned number of copies of its former model,
    which are started if there are fewer. `model`: the new model in them."""


class ComponentReady(FrozenModel):
    model_name: str | None
    """In service; None while the endpoint has no component."""


class MeasureInput(FrozenModel):
    run: RunRef
    match: Match
    deployment: AnyEndpoint


class MeasureBatchInput(FrozenModel):
    """A model's first batch, which is over."""

    run: RunRef
    match: Match
    deployment: BatchDeployment
    transformed: JobFailure
    """What Step Functions caught; empty if the job completed."""


class Measured(FrozenModel):
    """The verdict on the endpoint under load; after a miss, what is tried next, if anything."""

    passed: bool
    reason: str
    load: LoadResult | None
    batch: BatchResult | None = None
    """If there is no endpoint."""
    deployment: Deployment | None
    """The same model on the next server of the front; None if none is left."""
    next_attempt: int | None
    """Of another student, if no server is left for this one."""


class PromoteInput(FrozenModel):
    run: RunRef
    parsed: Parsed
    dataset: Dataset
    deployment: Deployment
    package_arn: str
    """The model's version in the registry."""


class Promoted(FrozenModel):
    endpoint_name: str | None
    """None if the model is asked in batches."""
    expires_at: Moment | None
    schedule_name: str | None
    drain_seconds: int | None = None
    """How long endpoints of other regions go on answering that this model replaces; None if it
    replaces none."""
    former: tuple[ServedRegion, ...] = ()


class ReportInput(FrozenModel):
    """Whatever the execution has gathered by its end, good or bad."""

    run: RunRef
    status: Literal["succeeded", "failed", "rejected", "duplicate", "unchanged", "stopped"]
    state: dict[str, Any]
    """The execution's data so far."""


class Reported(FrozenModel):
    summary_uri: str
    report_uri: str
    status: str


class SweepInput(FrozenModel):
    dry_run: bool = False
    """Report what would be removed, and remove nothing."""
    scheduled_at: Moment | None = None
    """When the schedule that ends an endpoint was due; it counts as the current time."""


class Notice(BaseModel):
    """What SNS says of one notice, as far as it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    message: str = Field(alias="Message")
    subject: str | None = Field(default=None, alias="Subject")


class PublishedRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    notice: Notice = Field(alias="Sns")


class Published(BaseModel):
    """What SNS calls a function with.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[PublishedRecord, ...] = Field(alias="Records")


class WebhooksTold(FrozenModel):
    """Posts that were taken, and that were not."""

    told: int
    failed: int


class Swept(FrozenModel):
    dry_run: bool
    removed: list[Orphan]
    """In a dry run: what would have been removed."""
    unreached: dict[str, str] = Field(default_factory=dict)
    """Region that did not answer → what was told instead: it is looked at by its own sweeper, and
    by the next one here."""


class CleanUpInput(FrozenModel):
    """From the execution's own failure path, or an `Execution Status Change` event."""

    run: RunRef | None = None
    missed: str = ""
    """What a model missed under load, in words, if the next student is tried."""
    servers_missed: str = ""
    """The same of its endpoints in several regions, which alone go: it is tried on other servers.
    """
    failure: JobFailure | None = None
    event: dict[str, Any] | None = None


class CleanedUp(FrozenModel):
    run: RunRef | None
    stopped_jobs: list[str]
    deleted: list[str]
    restored_endpoint: str | None
    reason: str
