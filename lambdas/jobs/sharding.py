"""A step as several jobs: how many, and what each of them is told."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.aws.run_files import RunFiles
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.distillation import DistillationJobs, Share
from stratos.contracts.jobs import JobStep
from stratos.contracts.plan import ServedPrecision
from stratos.pipeline.sharded import ShardedJob
from stratos.pipeline.steps import Dataset, TrainingJob
from stratos.sharding.number import Split

MakeJob = Callable[[Share | None], TrainingJob]


def synthesis(jobs: DistillationJobs, dataset: Dataset) -> tuple[TrainingJob, ShardedJob | None]:
    """The job of one server, and those in its place where the plan has several."""
    asked = jobs.factory.spec.synthesis.max_records
    questions = dataset.num_train if asked is None else min(asked, dataset.num_train)
    split = Split.of(jobs.plan.synthesis_servers, questions)
    return _split(jobs, "synthesize", split, jobs.synthesize)


def evaluation(
    jobs: DistillationJobs,
    dataset: Dataset,
    live_artifact: str | None,
    live_precision: ServedPrecision | None,
) -> tuple[TrainingJob, ShardedJob | None]:
    """The same for the held-out questions."""

    def make(share: Share | None) -> TrainingJob:
        return jobs.evaluate(live_artifact, live_precision, share)

    split = Split.of(jobs.plan.evaluation_servers, dataset.num_heldout)
    return _split(jobs, "evaluate", split, make)


def _split(
    jobs: DistillationJobs, job: JobStep, split: Split, make: MakeJob
) -> tuple[TrainingJob, ShardedJob | None]:
    alone, run, step = make(None), jobs.factory.run, jobs.step(job)
    if split.num_shards == 1:
        return alone, None
    config = RunFiles(run).job_config(step)
    made = [make(Share(shard, split)) for shard in split.shards]
    return alone, ShardedJob(
        step=step,
        bucket=run.bucket,
        manifest_key=ShardFiles(run, step).put_jobs(0, made),
        num_shards=split.num_shards,
        num_jobs=split.num_shards,
        at_once=split.at_once,
        seconds_left=config.deadline_seconds,
        budget_usd=config.budget_usd,
    )
