"""Synthesize, distill and evaluate: the jobs that carry out the match of one attempt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.job_names import step_name
from lambdas.aws.settings import settings
from lambdas.aws.shard_files import ShardFiles
from lambdas.gathering.model_pool import ModelPool
from lambdas.jobs.cpu_servers import cheapest_cpus
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.probes import judging
from stratos.catalog.terms import rights_in
from stratos.contracts.jobs import (
    PAID_TEACHER_RECORDS,
    DistillConfig,
    EvaluateConfig,
    JobStep,
    ModelRole,
    SynthesizeConfig,
)
from stratos.contracts.match import (
    MatchEvidence,
    full_precision_plan,
    gguf_in_full,
    plans_in_order,
    trained_alike,
)
from stratos.contracts.plan import Plan, PlannedEngine, ServedPrecision, Server
from stratos.contracts.shards import Shard
from stratos.contracts.time_limit import TimeLimit
from stratos.pipeline.steps import TrainingJob
from stratos.planning.deadlines import MIN_SECONDS, deadline_seconds, token_budget_usd
from stratos.planning.forecast.start_up import job_start
from stratos.planning.preferences import on_demand, preferences
from stratos.sharding.number import Split, shard_step
from stratos.spec import QUANTISED, CpuPrecision, Logs, Teacher, Weights

_WRITTEN = 2
"""Times the records that synthesis reads: what it keeps is about as long."""


@dataclass(frozen=True)
class Share:
    """One shard of a step, and the split that it belongs to."""

    shard: Shard
    split: Split


@dataclass(frozen=True)
class DistillationJobs:
    """The three jobs of one attempt."""

    factory: JobFactory
    evidence: MatchEvidence
    pool: ModelPool

    @property
    def plan(self) -> Plan:
        return self.evidence.plan

    @property
    def teacher(self) -> Teacher:
        model = self.pool.teachers[self.plan.teacher]
        return self._pinned(model, "teacher") if isinstance(model, Weights) else model

    @property
    def student(self) -> Weights:
        return self._pinned(self.pool.students[self.plan.student], "student")

    @property
    def records_uri(self) -> str:
        return self.factory.files.records_uri(self.evidence.attempt)

    def synthesize(self, share: Share | None = None) -> TrainingJob:
        """The synthesis.

        Args:
            share: Of several jobs, one.
        """
        spec = self.factory.spec
        config = SynthesizeConfig(
            **self._shared("synthesize", share),
            teacher=self.teacher,
            strategy=self.evidence.matching.strategy,
            synthesis=spec.synthesis,
            records_uri=self._records_of(share),
            seed=spec.training.seed,
            learns_logs=spec.learns_logs,
            shard=share and share.shard,
        )
        channels = {
            "dataset": self.factory.files.dataset_uri("train"),
            **self.factory.model_channel("teacher", self.teacher),
        }
        read = self.factory.files.dataset_bytes("train")
        return self._make(
            self.step("synthesize", share),
            config,
            self._for_synthesis(),
            channels,
            data_bytes=_WRITTEN * read,
        )

    def distill(self) -> TrainingJob:
        training = self.factory.spec.training
        white_box = training.kd_weight > 0 or training.on_policy_fraction > 0
        config = DistillConfig(
            **self._shared("distill"),
            student=self.student,
            teacher=self.teacher if white_box else None,
            method=self.plan.method,
            precision=self.plan.precision,
            training=training,
            gguf=self._gguf(),
            rights=rights_in(self.factory.spec, self.teacher),
            gguf_required=self._needs_gguf(),
            forecast_tokens_per_second=self.plan.training_tokens_per_second,
            time_limit=TimeLimit(
                max_training_hours=self.factory.spec.constraints.max_training_hours,
                spent_hours=self._spent_hours,
                start_seconds=self._start_seconds,
            ),
        )
        channels = {
            "records": self.records_uri,
            **self.factory.model_channel("student", self.student),
            **(self.factory.model_channel("teacher", self.teacher) if white_box else {}),
        }
        return self._make(self.step("distill"), config, self._for_training(), channels)

    def evaluate(
        self,
        live_artifact: str | None,
        live_precision: ServedPrecision | None = None,
        share: Share | None = None,
    ) -> TrainingJob:
        """The evaluation.

        Args:
            live_artifact: The model in service for this spec, which the student is compared with.
            live_precision: That it is served in, where that is known.
            share: Of several jobs, one.
        """
        paid = not isinstance(self.teacher, Weights | Logs)
        config = EvaluateConfig(
            **self._shared("evaluate", share),
            teacher=self.teacher,
            student=self.student,
            max_new_tokens=self.factory.spec.task.max_reply_tokens,
            synthesis=self.factory.spec.synthesis,
            teacher_max_records=PAID_TEACHER_RECORDS if paid else None,
            engine=self.plan.engine,
            live_precision=live_precision,
            shard=share and share.shard,
        )
        channels = {
            "dataset": self.factory.files.dataset_uri(),
            **self.factory.model_channel("teacher", self.teacher),
            **self.factory.model_channel("student", self.student),
        }
        extra = {"live_artifact": live_artifact} if live_artifact else {}
        records = self.factory.files.dataset_bytes()
        return self._make(
            self.step("evaluate", share),
            config,
            self._uninterrupted(),
            channels,
            extra,
            data_bytes=records,
        )

    def _pinned(self, model: Weights, role: ModelRole) -> Weights:
        """A model of the Hub at the commit that was probed: every job reads the same weights."""
        for probe in self.evidence.probes:
            if (probe.role, probe.model) == (role, model.name) and probe.revision is not None:
                return model.model_copy(update={"revision": probe.revision})
        return model

    def _gguf(self) -> tuple[CpuPrecision, ...]:
        """What llama.cpp may come to serve: the weights in full, and quantised as planned."""
        served = {one.precision for one in self._engines() if one.name == "llama_cpp"}
        # The file in full is there for whatever server comes next; two kinds of it never are.
        full = gguf_in_full(self.evidence)
        return (full, *(precision for precision in QUANTISED if precision in served))

    def _needs_gguf(self) -> bool:
        return any(engine.name == "llama_cpp" for engine in self._engines())

    def _engines(self) -> list[PlannedEngine]:
        plans = (self.plan, full_precision_plan(self.evidence))
        return [plan.engine for plan in plans if plan is not None and plan.engine is not None]

    def _for_training(self) -> tuple[Server, ...]:
        """The training server and those in its place, as their plans buy them."""
        first, *others = (plan.training for plan in self._alike())
        return preferences(first, others)

    def _uninterrupted(self) -> tuple[Server, ...]:
        """The same on demand, as every plan counts them: only training itself resumes for free."""
        first, *others = (on_demand(plan.training) for plan in self._alike())
        return preferences(first, others)

    def _for_synthesis(self) -> tuple[Server, ...]:
        """The same; at home on CPUs, if training is elsewhere and the teacher no weights: its keys,
        its logs and batches of Bedrock are at home."""
        home = settings().aws_region
        if isinstance(self.teacher, Weights) or self.plan.training.region == home:
            return self._uninterrupted()
        catalog = CatalogFiles(self.factory.run).servers()
        return cheapest_cpus(catalog, home) or self._uninterrupted()

    def _alike(self) -> Iterator[Plan]:
        """Plans by which the same model is trained, the chosen one first."""
        return trained_alike(plans_in_order(self.evidence.matching), self.plan)

    @property
    def _start_seconds(self) -> float:
        return job_start(self.plan.training.instance_type).seconds

    @property
    def _spent_hours(self) -> float:
        """Of the run, with what copies between regions will take."""
        return self.evidence.spent_hours + self.plan.copying_hours

    def step(self, job: JobStep, share: Share | None = None) -> str:
        """The step of a job, or of one of those that share it."""
        step = step_name(job, self.evidence.attempt)
        return step if share is None else shard_step(step, share.shard.index)

    def _records_of(self, share: Share | None) -> str:
        if share is None:
            return self.records_uri
        return ShardFiles(self.factory.run, self.step("synthesize")).records_uri(share.shard.index)

    def _shared(self, job: JobStep, share: Share | None = None) -> dict[str, Any]:
        factory, evidence = self.factory, self.evidence
        files, constraints = factory.files, factory.spec.constraints
        step, split = self.step(job, share), Split(1, 1) if share is None else share.split
        seconds = deadline_seconds(job, constraints, self._spent_hours, self._start_seconds)
        return {
            "run_id": factory.run.run_id,
            "result_uri": files.result_uri(step),
            "progress_uri": files.progress_uri(step),
            "deadline_seconds": max(MIN_SECONDS, split.seconds_each(seconds, self._start_seconds)),
            "budget_usd": token_budget_usd(
                job, constraints, evidence.spent_usd, num_jobs=split.num_shards
            ),
            "usd_per_hour": self.plan.training.usd_per_hour,
            "judging": judging(factory.spec),
        }

    def _make(
        self,
        step: str,
        config: SynthesizeConfig | DistillConfig | EvaluateConfig,
        servers: tuple[Server, ...],
        channels: dict[str, str],
        hyper_parameters: dict[str, str] | None = None,
        data_bytes: int = 0,
    ) -> TrainingJob:
        cards, plan = self.pool.cards, self.plan
        return self.factory.make(
            step,
            config,
            servers,
            channels,
            hyper_parameters,
            reads=[cards[f"teacher/{plan.teacher}"], cards[f"student/{plan.student}"]],
            trains=None if config.kind == "synthesize" else cards[f"student/{plan.student}"],
            method=plan.method if config.kind == "distill" else "lora",
            data_bytes=data_bytes,
        )
