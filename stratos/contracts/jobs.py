"""What a training job is told, and what it answers.

Each job reads `config.json` from its `config` channel and puts its result as JSON at `result_uri`.
Model folders come as channels (`teacher`, `student`) or, for Hub models, by repository name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from stratos.contracts.artifact import gguf_name
from stratos.contracts.plan import (
    ENGINE_TITLES,
    PlannedEngine,
    Precision,
    ServedPrecision,
    Server,
)
from stratos.contracts.shards import HeldOutPart, Shard, SynthesisCounts
from stratos.contracts.time_limit import TimeLimit
from stratos.frozen import FrozenModel
from stratos.problems import Problem
from stratos.spec import (
    CpuPrecision,
    Method,
    Spec,
    StrategyName,
    Synthesis,
    Teacher,
    Training,
    Verifier,
    Weights,
)
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.wilson import Proportion

JobStep = Literal["inspect", "probe", "synthesize", "distill", "evaluate"]
ModelRole = Literal["teacher", "student"]
StoppedBy = Literal["finished", "deadline", "sigterm"]
"""What ended a job's work: nothing was left to do, its deadline, or SageMaker."""

PAID_TEACHER_RECORDS = 200
"""Held-out questions that a paid teacher is asked: an interval of ±7 points at worst."""
JOB_BATCH = 128
"""Sequences a job generates at once."""
REVERSE_PROBES = 64
"""Probe records with gold answers that a teacher is asked to explain."""


class Judging(FrozenModel):
    """How an answer is scored; the same everywhere."""

    verifier: Verifier
    answer_marker: str
    has_checker: bool
    """The `checker` channel holds `checker.py`, in jobs that read rationales."""


class JobConfig(FrozenModel):
    """What every job is told."""

    run_id: str
    result_uri: str
    progress_uri: str
    deadline_seconds: float
    """The job ends itself, with its best result, this long after it started."""
    budget_usd: float | None = None
    """What the job's teacher calls may still cost."""
    spent_usd: float = 0.0
    """What earlier attempts of the job paid for teacher calls; the job adds its own to it."""
    usd_per_hour: float
    """Of the server that was asked for first."""
    servers: tuple[Server, ...] = ()
    """All that were asked for, over all attempts: SageMaker says on which of them a job started.
    None in configurations from before there was a choice."""


class InspectConfig(JobConfig):
    """Split a dataset that is too large for a function. Channels: config, dataset."""

    kind: Literal["inspect"] = "inspect"
    spec: Spec
    spec_uri: str
    """S3 prefix of the spec's folder, for the tokenizers and templates of its models."""
    dataset_root: str
    """Folder of the channel's files in that of the spec, with its slash; empty for the same."""
    splits_uri: str
    """S3 prefix that receives train.jsonl, probe.jsonl, heldout.jsonl and inspection.json."""
    content_hash: str
    """Of the inputs as they were when the job was asked for."""


class ModelJobConfig(JobConfig):
    """What every job is told in which models answer or learn."""

    judging: Judging
    batch_size: int = JOB_BATCH
    """Sequences generated at once."""


class ProbeConfig(ModelJobConfig):
    """Ask one model the probe questions. Channels: config, dataset, model, checker."""

    kind: Literal["probe"] = "probe"
    role: ModelRole
    model: Teacher
    max_new_tokens: int
    """Longest reply of a student. A teacher is asked as synthesis will ask it."""
    synthesis: Synthesis
    reverse_records: int = REVERSE_PROBES
    """Teacher only: probe records with gold answers it is asked to explain, and questions it may
    answer with all the attempts of synthesis."""


class SynthesizeConfig(ModelJobConfig):
    """Teacher → verified records. Channels: config, dataset, teacher, checker."""

    kind: Literal["synthesize"] = "synthesize"
    teacher: Teacher
    strategy: StrategyName
    synthesis: Synthesis
    records_uri: str
    """S3 prefix that receives `records.jsonl` and `rejected.jsonl`."""
    seed: int
    learns_logs: bool = False
    """Replies of the dataset that are right come first; the teacher is asked only the rest."""
    shard: Shard | None = None
    """The part of the questions that is this job's; None where one job asks them all."""


class DistillConfig(ModelJobConfig):
    """Records → student. Channels: config, records, student, teacher (only where kd_weight > 0)."""

    kind: Literal["distill"] = "distill"
    student: Weights
    teacher: Teacher | None = None
    method: Method
    precision: Precision
    training: Training
    gguf: tuple[CpuPrecision, ...] = ("float16",)
    """Precisions to export for llama.cpp: one in full, and the quantised one of the plan."""
    gguf_required: bool = True
    """No plan of the run can do without. Else a student that llama.cpp cannot serve has none."""
    rights: tuple[str, ...] = ()
    """Who may train on the answers that the records hold, as far as that is known: for the model
    card. Empty in configurations from before."""
    forecast_tokens_per_second: float | None = None
    """Of training, by the plan; None in configurations from before it was told."""
    time_limit: TimeLimit = TimeLimit()
    """Where the job's deadline comes from."""

    @field_validator("gguf")
    @classmethod
    def _one_file_each(cls, gguf: tuple[CpuPrecision, ...]) -> tuple[CpuPrecision, ...]:
        if len({gguf_name(precision) for precision in gguf}) < len(gguf):
            raise ValueError(f"{', '.join(gguf)} would be in one file; export one of them in full")
        return gguf


class EvaluateConfig(ModelJobConfig):
    """Score on the held-out split: the student, the untuned student, the teacher, baselines.

    Channels: config, dataset, teacher, student (untuned). The hyperparameter `student_artifact` is
    the S3 URI of the distilled model.tar.gz; `live_artifact` that of the model in service, if any.
    """

    kind: Literal["evaluate"] = "evaluate"
    teacher: Teacher
    student: Weights
    max_new_tokens: int
    synthesis: Synthesis | None = None
    """How the teacher is asked. None in configurations from before: as the student is."""
    teacher_max_records: int | None = None
    """Ask a paid teacher at most this many held-out questions."""
    engine: PlannedEngine | None = None
    """What will serve the student: it is scored through it where the job can run it."""
    live_precision: ServedPrecision | None = None
    """That the model in service is served in; None where there is none, or it is not known."""
    shard: Shard | None = None
    """The part of the held-out questions that is this job's; None where one job asks them all."""


AnyJobConfig = Annotated[
    InspectConfig | ProbeConfig | SynthesizeConfig | DistillConfig | EvaluateConfig,
    Field(discriminator="kind"),
]


class JobResult(FrozenModel):
    """What every job measures about itself."""

    seconds: float
    usd: float
    """Teacher tokens of every attempt; SageMaker bills the server."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class InspectResult(JobResult):
    """The splits and inspection.json are in the bucket, or the dataset was refused."""

    kind: Literal["inspect"] = "inspect"
    content_hash: str
    refused: str | None = None
    """Why the dataset cannot be used. It is the inspection's answer, no failure of the job."""
    problems: tuple[Problem, ...] = ()
    """Of the spec, with this dataset."""


class ProbeResult(JobResult):
    """A model on the probe split."""

    kind: Literal["probe"] = "probe"
    model: str
    revision: str | None = None
    """Commit of a model on the Hub. None of any other, and in results from before it was kept."""
    role: ModelRole
    accuracy: Proportion
    reverse_yield: Proportion | None = None
    """Share of gold answers it explained soundly; teachers only."""
    alignment_yield: Proportion | None = None
    """Share of questions to which synthesis would keep an answer of its own; teachers only."""
    answers: dict[str, int] = Field(default_factory=dict)
    """What its (first) answers were worth: reason → answers, the right ones among them."""
    explanations: dict[str, int] = Field(default_factory=dict)
    """Why explanations were rejected: reason → attempts."""
    tokens_per_second: float
    mean_prompt_tokens: float
    mean_completion_tokens: float
    num_parameters: int | None = None
    tokenizer_hash: str | None = None
    """Equal hashes mean token distributions can be compared."""
    vocabulary_size: int | None = None


class SynthesizeResult(JobResult):
    """What the teacher wrote and what was kept."""

    kind: Literal["synthesize"] = "synthesize"
    strategy: StrategyName
    asked: int
    """Questions."""
    kept: int
    kept_of_logs: int = 0
    """Of these, logged replies. 0 in results from before."""
    calls: int
    yield_by_strategy: dict[str, Proportion]
    rejects: dict[str, int]
    """Reason → attempts rejected for it."""
    tokens_per_second: float
    """Of one server."""
    mean_completion_tokens: float
    counts: SynthesisCounts | None = None
    """What the figures above were made of. None in results from before."""


class EvaluatedExample(FrozenModel):
    """One held-out question as answered, for the report."""

    question: str
    gold: str
    completion: str
    correct: bool
    teacher_completion: str | None = None
    """What the teacher said to it; None where it was not asked, and in results from before."""
    teacher_correct: bool | None = None


class PrecisionScore(FrozenModel):
    """The student in another precision than the one it is to be served in."""

    precision: ServedPrecision
    accuracy: Proportion
    comparisons: tuple[Comparison, ...]
    """With the same models as the student's own."""
    mean_completion_tokens: float


class EvaluateResult(JobResult):
    """Held-out accuracy with the figures to compare it with."""

    kind: Literal["evaluate"] = "evaluate"
    student: Proportion
    teacher: Proportion
    untuned_student: Proportion
    live: Proportion | None = None
    baselines: dict[str, Proportion]
    """`constant_answer`, `nearest_question`."""
    comparisons: tuple[Comparison, ...]
    mean_completion_tokens: float
    examples: tuple[EvaluatedExample, ...]
    engine: str = "transformers"
    """What the student was scored through, with its version."""
    precision: ServedPrecision | None = None
    """That it was scored in; None in results of before."""
    full_precision: PrecisionScore | None = None
    """The same weights unquantised, on the same questions; None where the student is."""
    part: HeldOutPart | None = None
    """Of a shard: its answers, question by question."""

    def served_by(self, engine: PlannedEngine | None) -> EvaluateResult:
        """The result with the student in the precision that an engine holds it in."""
        full = self.full_precision
        if engine is None or engine.is_quantised or full is None:
            return self
        return self.model_copy(
            update={
                "student": full.accuracy,
                "comparisons": full.comparisons,
                "mean_completion_tokens": full.mean_completion_tokens,
                "precision": full.precision,
                "full_precision": None,
            }
        )

    def came_through(self, engine: PlannedEngine) -> bool:
        """Whether the student was scored through an engine, of whatever version."""
        return self.engine.lower().startswith(ENGINE_TITLES[engine.name].lower())


class Progress(FrozenModel):
    """What a running job says about itself, every few seconds."""

    step: JobStep
    label: str
    """Which model or strategy, or what it is doing."""
    done: float
    total: float
    """0 where nothing is counted."""
    unit: str
    seconds: float
    quiet_seconds: float = 0.0
    """Since the job last had something new to say; 0 while it has."""
    tokens_per_second: float | None = None
    loss: float | None = None
    seconds_left: float | None = None
    usd: float = 0.0
    """Paid for teacher calls so far, earlier attempts of the job included."""
    note: str | None = None
    """What whoever follows the run should know now, such as that its deadline will cut it."""
