"""The spec: what a user asks for, in one YAML file beside the dataset.

Reading a file into a `Spec`, with every problem named at once, is `stratos.spec_file`.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from stratos.frozen import FrozenModel
from stratos.scoring.json_schema import check_schema

LONGEST_APPROVAL_HOURS = 168.0
DEFAULT_APPROVAL_HOURS = 72.0
Probability = Annotated[float, Field(ge=0, le=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")]
"""Lower-case letters, digits and hyphens, at most 32: it becomes part of AWS resource names."""


def bucket_path(path: str) -> str:
    """Return `path` if it stays inside the folder of the spec.

    Raises:
        ValueError: for an absolute path, a URI, or one that climbs out with `..`.
    """
    if "://" in path or path.startswith("/") or ".." in path.split("/") or not path.strip():
        raise ValueError(
            f"{path!r} is outside the spec's folder; "
            "give a path relative to the spec file and upload the file beside it"
        )
    return path


BucketPath = Annotated[str, Field(min_length=1, max_length=512)]


# --- models -----------------------------------------------------------------------------------


class Weights(FrozenModel):
    """A model whose weights are safetensors: in the spec's folder, or on the Hugging Face Hub."""

    kind: Literal["weights"] = "weights"
    path: BucketPath | None = None
    """Folder with config.json, tokenizer and safetensors, relative to the spec."""
    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """Repository on the Hub, such as `Qwen/Qwen3-0.6B`."""
    licence: str | None = None
    """SPDX identifier; looked up in the catalog for Hub models."""
    layers: Annotated[int, Field(ge=2)] | None = None
    """Students only: keep so many decoder layers, evenly spaced, the first and the last among them.
    Of the teacher's own weights this makes a smaller student with its vocabulary."""

    @model_validator(mode="after")
    def _one_source(self) -> Weights:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give exactly one of `path` and `hub`")
        if self.path is not None:
            bucket_path(self.path)
        return self

    @property
    def folder(self) -> str:
        """Last part of the path or of the repository's name."""
        return (self.path or self.hub or "").rstrip("/").rsplit("/", 1)[-1]

    @property
    def name(self) -> str:
        return self.folder if self.layers is None else f"{self.folder}-{self.layers}-layers"


class Bedrock(FrozenModel):
    """A teacher behind Amazon Bedrock."""

    kind: Literal["bedrock"]
    model_id: Annotated[str, Field(min_length=1)]
    batch: bool = False
    """Batch inference: about half the price, hours instead of seconds."""

    @property
    def name(self) -> str:
        return self.model_id


class OpenAICompatible(FrozenModel):
    """A teacher behind any URL that speaks the OpenAI chat-completions schema."""

    kind: Literal["openai"]
    base_url: Annotated[str, Field(pattern=r"^https?://")]
    model: Annotated[str, Field(min_length=1)]
    api_key_secret: str | None = None
    """Name of the Secrets Manager secret that holds the key."""
    input_usd_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0
    output_usd_per_million_tokens: Annotated[float, Field(ge=0)] = 0.0

    @property
    def name(self) -> str:
        return self.model


Teacher = Annotated[Weights | Bedrock | OpenAICompatible, Field(discriminator="kind")]


# --- task -------------------------------------------------------------------------------------


class Exact(FrozenModel):
    """The answer equals the gold answer, character by character, after trimming."""

    kind: Literal["exact"]


class Normalised(FrozenModel):
    """Equal after case folding, and with runs of space and punctuation removed."""

    kind: Literal["normalised"]


class Number(FrozenModel):
    """Equal as numbers."""

    kind: Literal["number"]
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class Choice(FrozenModel):
    """One of a fixed list of labels."""

    kind: Literal["choice"]
    choices: Annotated[tuple[str, ...], Field(min_length=2)]


class SetOf(FrozenModel):
    """Equal as sets of items."""

    kind: Literal["set"]
    separator: str = " "


class JsonSchema(FrozenModel):
    """Equal as JSON values, and valid under a schema where one is given."""

    kind: Literal["json"]
    json_schema: dict[str, object] | None = None
    """Draft 2020-12, or the draft that its `$schema` names; nothing is fetched."""

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: dict[str, object] | None) -> dict[str, object] | None:
        if schema is not None:
            check_schema(schema)
        return schema


class Regex(FrozenModel):
    """The answer matches a pattern in full. Needs no gold answer."""

    kind: Literal["regex"]
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class LlmJudge(FrozenModel):
    """A model behind an API decides, by the criteria given. Needs no gold answer; where there is
    one, the judge sees it. Its tokens are part of the budget. It judges in the jobs alone: the
    load test measures no accuracy with it, and it gives no rewards for reinforcement."""

    kind: Literal["judge"]
    model: Annotated[Bedrock | OpenAICompatible, Field(discriminator="kind")]
    criteria: Annotated[str, Field(min_length=1)]
    """What makes an answer right, in words."""
    max_new_tokens: Annotated[int, Field(ge=16, le=8192)] = 512
    """Longest verdict, its reason included."""

    @model_validator(mode="after")
    def _answers_at_once(self) -> LlmJudge:
        if self.model.kind == "bedrock" and self.model.batch:
            raise ValueError("a judge is asked in every job; give its model without `batch: true`")
        return self


Verifier = Annotated[
    Exact | Normalised | Number | Choice | SetOf | JsonSchema | Regex | LlmJudge,
    Field(discriminator="kind"),
]


class Task(FrozenModel):
    """What the model must do, and how an answer is judged."""

    dataset: BucketPath
    """`.jsonl`, `.jsonl.gz` or `.parquet` file, or a prefix of several, relative to the spec."""
    format: Literal[
        "auto",
        "prompt_completion",
        "openai_chat",
        "bedrock_conversation",
        "bedrock_log",
        "request_response",
        "gsm8k",
    ] = "auto"
    verifier: Verifier
    answer_marker: str = "####"
    """The final answer is what follows the last marker; the whole completion where none is."""
    checker: BucketPath | None = None
    """Python file with `check(question, answer, rationale) -> list[str]`, run in the jobs only: the
    problems of a rationale, none if every step of it holds."""
    max_reply_tokens: Annotated[int, Field(ge=1, le=8192)] = 512
    """Longest reply to a question, when probing, evaluating and measuring the endpoint."""
    probe_records: Annotated[int, Field(ge=20, le=5_000)] = 200
    heldout_records: Annotated[int, Field(ge=50, le=20_000)] = 500
    on_bad_line: Literal["stop", "skip"] = "stop"

    @field_validator("dataset", "checker")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        return path if path is None else bucket_path(path)


# --- what is asked ----------------------------------------------------------------------------


class Constraints(FrozenModel):
    """Hard limits. What is left out does not bind."""

    min_accuracy: Probability | None = None
    """The lower end of the student's 95% Wilson interval on held-out records must reach this."""
    max_p50_latency_ms: PositiveFloat | None = None
    """A gate after measurement only: the planner forecasts the 95th percentile."""
    max_p95_latency_ms: PositiveFloat | None = None
    max_p99_latency_ms: PositiveFloat | None = None
    """The planner rules out a plan whose p95 exceeds it; the rest is a gate after measurement."""
    max_training_hours: PositiveFloat | None = None
    max_budget_usd: PositiveFloat | None = None
    """Everything spent until the endpoint is in service, teacher tokens included."""
    max_hosting_usd_per_month: PositiveFloat | None = None
    max_usd_per_1000_requests: PositiveFloat | None = None
    """Hosting at the declared load; the lower end of the measured interval must not exceed it."""
    regions: tuple[str, ...] | None = None
    """Regions that may serve and train; the stack's own where left out."""
    licences: tuple[str, ...] | None = None
    """SPDX identifiers that teacher and student may carry."""


class Load(FrozenModel):
    """The traffic the endpoint must hold its latency under."""

    requests_per_second: PositiveFloat = 1.0
    """At its busiest."""
    mean_requests_per_second: PositiveFloat | None = None
    """Over the active hours; as many as at its busiest where left out."""
    active_hours_per_day: Annotated[float, Field(gt=0, le=24)] = 24.0
    """Hours of a day in which there are requests at all."""
    prompt_tokens: PositiveInt | None = None
    """Measured on the dataset where left out."""
    output_tokens: PositiveInt | None = None
    measure_seconds: Annotated[float, Field(ge=2, le=600)] = 20.0
    """How long the endpoint is measured for, warm-up excluded; longer where a latency constraint
    needs more requests."""

    @model_validator(mode="after")
    def _mean_below_peak(self) -> Load:
        mean = self.mean_requests_per_second
        if mean is not None and mean > self.requests_per_second:
            raise ValueError(
                f"mean_requests_per_second {mean:g} is above requests_per_second "
                f"{self.requests_per_second:g}, which is the traffic at its busiest"
            )
        return self

    @property
    def has_lulls(self) -> bool:
        """Whether the traffic is less than `requests_per_second` for some of the time."""
        mean = self.mean_requests_per_second
        return self.active_hours_per_day < 24 or (
            mean is not None and mean < self.requests_per_second
        )


class Preferences(FrozenModel):
    """Weights of the objectives when several plans are feasible; only their ratios matter."""

    accuracy: Annotated[float, Field(ge=0)] = 1.0
    latency: Annotated[float, Field(ge=0)] = 1.0
    time: Annotated[float, Field(ge=0)] = 1.0
    cost: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _some_weight(self) -> Preferences:
        if self.accuracy + self.latency + self.time + self.cost == 0:
            raise ValueError("all weights are zero; give at least one objective some weight")
        return self


StrategyName = Literal["alignment", "injection", "blend"]


class Synthesis(FrozenModel):
    """How the teacher is asked for training records."""

    alignment_prompt: str = "{question}"
    """What the teacher sees under Knowledge Alignment. `{notes}` is available too."""
    injection_prompt: str = (
        "{notes}\n\n{question}\n\nThe correct answer is: {answer}\n"
        "Explain, step by step and without mentioning that the answer was given, "
        "how to reach it from the question alone. End with the answer."
    )
    """What the teacher sees under Knowledge Injection."""
    notes: str = ""
    """Domain notes for `{notes}`."""
    per_element: bool = False
    """For set answers: explain each element in a call of its own and join what was verified."""
    samples: Annotated[int, Field(ge=1, le=16)] = 1
    """Attempts per question (per element with `per_element`) at most; the first that verifies is
    kept, and nothing verified is asked again."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Of the first attempt; later ones sample at 0.7 or this, whichever is more."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 512
    """Longest answer of the teacher to one call."""
    max_records: PositiveInt | None = None
    min_yield: Probability = 0.2
    """Share of questions that must end verified; below it the run stops."""

    @field_validator("injection_prompt")
    @classmethod
    def _names_what_it_needs(cls, template: str) -> str:
        for field in ("{question}", "{answer}"):
            if field not in template:
                raise ValueError(f"the injection prompt must contain {field}")
        return template

    @field_validator("alignment_prompt")
    @classmethod
    def _names_the_question(cls, template: str) -> str:
        if "{question}" not in template:
            raise ValueError("the alignment prompt must contain {question}")
        return template


class Reinforcement(FrozenModel):
    """Learning from the student's own samples, by verified reward, after the records: GRPO."""

    steps: Annotated[int, Field(ge=0)] = 0
    """Groups of samples drawn and learned from; 0 leaves it out. It takes at most two fifths of
    the job's time, and what is exported is the student that did best on the questions set aside."""
    questions: PositiveInt = 16
    """Drawn for each step."""
    samples: Annotated[int, Field(ge=2, le=64)] = 8
    """Completions of each question, compared with each other."""
    updates: Annotated[int, Field(ge=1, le=16)] = 2
    """Optimizer steps on the samples of one step; from the second on the ratio is clipped."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How far the policy may move from the one that drew the samples, as a ratio."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the penalty for leaving the student that learned from the records."""
    learning_rate: PositiveFloat | None = None
    """A tenth of the rate on the records where left out."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 512
    """Longest sample."""


class Training(FrozenModel):
    """How the student is trained. What is left out, the planner chooses."""

    method: Literal["auto", "full", "lora"] = "auto"
    optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon`: Muon on the hidden matrices, AdamW on the rest; full fine-tuning only."""
    learning_rate: PositiveFloat | None = None
    epochs: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    batch_tokens: PositiveInt | None = None
    max_sequence_tokens: PositiveInt | None = None
    seed: int = 0
    lora_rank: PositiveInt = 16
    kd_weight: Probability = 0.0
    """Share of the loss on the teacher's token distribution; white-box teachers only."""
    temperature: PositiveFloat = 1.0
    jsd_beta: Probability = 0.0
    """0 is forward KL, 1 reverse KL, between them generalized JSD."""
    on_policy_fraction: Probability = 0.0
    """Share of the steps in which the student writes and the teacher's distribution corrects."""
    cross_tokenizer: Literal["refuse", "align"] = "refuse"
    """What to do with a teacher of another tokenizer where `kd_weight` is above 0: leave it out,
    or compare distributions wherever both tokenizers end a token, over outcomes both can write."""
    activation_checkpointing: Literal["auto"] | bool = "auto"
    """Compute activations again in the backward pass instead of keeping them: less memory, about a
    third more time. `auto`: only where they would not fit."""
    packing: bool = False
    """Several records in a row, none of which sees another. Records of a step are batched by length
    without it, which leaves little empty and needs no mask: as fast on the example's records."""
    answers_only: bool = False
    """Train on the verified answers without the rationales: the ablation."""
    reinforcement: Reinforcement = Reinforcement()

    @model_validator(mode="after")
    def _has_something_to_learn_from(self) -> Training:
        if self.kd_weight > 0:
            return self
        if self.on_policy_fraction > 0:
            raise ValueError(
                f"on_policy_fraction is {self.on_policy_fraction:g} and kd_weight 0, and only a "
                "teacher's distribution can correct what the student writes: set kd_weight above "
                "0, or on_policy_fraction to 0"
            )
        fields = type(self).model_fields
        changed = [
            name
            for name in ("jsd_beta", "temperature", "cross_tokenizer")
            if getattr(self, name) != fields[name].default
        ]
        if changed:
            raise ValueError(
                f"{' and '.join(changed)} shape the loss on the teacher's distribution, which has "
                "no weight: set kd_weight above 0, or leave them out"
            )
        return self


EndpointMode = Literal["realtime", "serverless", "async"]


class Hosting(FrozenModel):
    """How the model is hosted, and what becomes of the endpoint after the run."""

    mode: Literal["auto"] | EndpointMode = "auto"
    """`auto`: the cheapest that the declared traffic allows. `serverless`: billed by the second of
    answering, CPU and 6 GB at most. `async`: requests wait in a queue, and without any there is no
    instance."""
    max_cold_start_seconds: PositiveFloat | None = None
    """How long the first request after a pause may wait. Left out, `auto` never scales to zero;
    above 60, `auto` may choose `async`, whose answers are fetched later."""
    max_instances: PositiveInt | None = None
    """How far the fleet may grow; no further than planned where left out."""
    keep: bool = False
    """Stay until deleted by hand."""
    ttl_hours: PositiveFloat | None = None
    """Delete the endpoint after this time; 24 where neither is given."""

    @model_validator(mode="after")
    def _one_end(self) -> Hosting:
        if self.keep and self.ttl_hours is not None:
            raise ValueError("give `keep: true` or `ttl_hours`, not both")
        return self


class Spec(FrozenModel):
    """A distillation task and its constraints."""

    version: Literal[1] = 1
    name: Slug
    description: str = ""
    task: Task
    teachers: Annotated[tuple[Teacher, ...], Field(max_length=10)] = ()
    """Candidates; chosen from the catalog where left out."""
    students: Annotated[tuple[Weights, ...], Field(max_length=10)] = ()
    constraints: Constraints = Constraints()
    load: Load = Load()
    preferences: Preferences = Preferences()
    strategy: Literal["auto", "alignment", "injection", "blend"] = "auto"
    synthesis: Synthesis = Synthesis()
    training: Training = Training()
    hosting: Hosting = Hosting()
    approval: Literal["automatic", "required"] = "automatic"
    """`required`: a person sees the measured accuracy and says `stratos approve` before anything is
    deployed."""
    approval_timeout_hours: Annotated[float, Field(gt=0, le=LONGEST_APPROVAL_HOURS)] | None = None
    """A run that nobody approved by then fails; 72 where left out, 168 at most."""
    schedule: str | None = None
    """`rate(…)`, `cron(…)` as EventBridge Scheduler takes them: run again when inputs changed."""

    @field_validator("schedule")
    @classmethod
    def _schedule(cls, expression: str | None) -> str | None:
        if expression is not None and not re.fullmatch(
            r"rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+( \S+){5}\)", expression
        ):
            raise ValueError(
                f"{expression!r} is no schedule; use rate(7 days) or cron(0 6 ? * MON *)"
            )
        return expression

    @model_validator(mode="after")
    def _coherent(self) -> Spec:
        if self.synthesis.per_element and self.task.verifier.kind != "set":
            raise ValueError("synthesis.per_element needs task.verifier.kind: set")
        if self.training.reinforcement.steps > 0 and self.task.verifier.kind == "judge":
            raise ValueError(
                "training.reinforcement asks for thousands of rewards, which a judge would be paid "
                "for; use another task.verifier, or set training.reinforcement.steps to 0"
            )
        for teacher in self.teachers:
            if isinstance(teacher, Weights) and teacher.layers is not None:
                raise ValueError(
                    f"teacher {teacher.folder} has `layers`; a teacher keeps all of them: "
                    "move the field to a student"
                )
        if self.training.optimizer == "muon" and self.training.method == "lora":
            raise ValueError("training.optimizer: muon needs training.method: full")
        if self.approval_timeout_hours is not None and self.approval != "required":
            raise ValueError("approval_timeout_hours needs approval: required")
        return self

    @property
    def approval_timeout_seconds(self) -> int | None:
        """How long a run waits for a person; None where it does not wait."""
        if self.approval != "required":
            return None
        return math.ceil(3600 * (self.approval_timeout_hours or DEFAULT_APPROVAL_HOURS))
