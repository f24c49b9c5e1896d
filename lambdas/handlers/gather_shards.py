"""Gather…: what the jobs that share a step have made becomes one, or some are tried once more."""

from __future__ import annotations

from lambdas.jobs.rounds import Round
from lambdas.step import step
from stratos.pipeline.sharded import GatherInput, ShardedJob


@step
def handler(payload: GatherInput) -> ShardedJob:
    """Look at what a round came to; no jobs are left in the answer once the results are one."""
    return Round(payload.run, payload.sharded, payload.outcomes).following()
