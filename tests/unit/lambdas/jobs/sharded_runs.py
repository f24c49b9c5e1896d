"""A run whose synthesis and evaluation are shared by three jobs, and what its shards leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.handlers import gather_shards
from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE, RunKeys
from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.records import SampledAttempt
from stratos.contracts.shards import SynthesisCounts
from stratos.pipeline.steps import TrainingJob
from stratos.sharding.number import shard_step
from stratos.sharding.synthesis import synthesis_result
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

STEP = "synthesize-a0"
NO_QUOTA = {
    "failed": "the account's quota is used up: ResourceLimitExceeded",
    "error": "SageMaker.ResourceLimitExceededException",
}


def matched(account: Account, **constraints: Any) -> Pipeline:
    """A run at three servers a step."""
    return start(account, constraints={"servers_per_step": 3, **constraints}).until_matched()


def manifest(account: Account, sharded: Mapping[str, Any]) -> list[TrainingJob]:
    text = account.read(sharded["manifest_key"])
    return [TrainingJob.model_validate(job) for job in json.loads(text)]


def result(
    kept: int, asked: int = 10, unpaid: int = 0, usd: float = 0.0, seconds: float = 5.0
) -> SynthesizeResult:
    counts = SynthesisCounts(
        asked={"injection": asked},
        kept={"injection": kept},
        kept_of_logs=0,
        rejects={"cut": asked - kept},
        written_tokens=7 * kept,
        calls=asked,
        timed_tokens=100,
        asking_seconds=seconds,
        unpaid=unpaid,
    )
    return synthesis_result(
        counts,
        strategy="injection",
        seconds=seconds,
        usd=usd,
        prompt_tokens=3,
        completion_tokens=4,
    )


def leave(account: Account, pipeline: Pipeline, index: int, made: SynthesizeResult) -> None:
    """What a shard of synthesis leaves in the bucket."""
    keys, step = RunKeys(pipeline.run.run_id), shard_step(STEP, index)
    kept = made.kept
    lines = "".join(f'{{"id": "s{index}-{number}"}}\n' for number in range(kept))
    account.put(keys.records_of_shard(step) + RECORDS_FILE, lines)
    rejected = SampledAttempt(
        id=f"bad-{index}",
        question="?",
        completion="no",
        strategy="injection",
        attempts=1,
        reason="cut",
    )
    account.put(keys.records_of_shard(step) + REJECTED_FILE, rejected.model_dump_json() + "\n")
    account.put_result(pipeline.run, step, made)


def outcomes(**failed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of three shards in a round, those that failed by name: `s1`."""
    return [
        {"step": shard_step(STEP, index), "attempt": 0} | failed.get(f"s{index}", {})
        for index in range(3)
    ]


def gather(
    pipeline: Pipeline, told: list[dict[str, Any] | None], sharded: Any = None
) -> dict[str, Any]:
    sharded = sharded or pipeline.state["match"]["synthesis_shards"]
    return call(gather_shards.handler, run=pipeline.run, sharded=sharded, outcomes=told)
