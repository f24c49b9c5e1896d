"""What the states pass to each other about a step that several jobs share."""

from __future__ import annotations

from pydantic import Field

from stratos.contracts.run import RunRef
from stratos.frozen import FrozenModel
from stratos.moment import Moment


class ShardedJob(FrozenModel):
    """A step that several jobs share. They lie in the bucket, as a JSON array of training jobs."""

    step: str
    """`synthesize-a0`; the third of its shards is `synthesize-a0-s2`."""
    bucket: str
    manifest_key: str
    """Of the jobs of this round."""
    num_shards: int
    num_jobs: int
    """In this round: all shards in the first, then those that are tried once more. 0 once the
    results are one."""
    at_once: int
    round: int = 0
    seconds_left: float
    """For all jobs of this round to end; of what the step may take."""
    began_at: Moment | None = None
    """Of this round. Of the first, its jobs say it."""
    budget_usd: float | None = None
    """For the teacher's tokens, of all shards together."""
    attempts: dict[str, int] = Field(default_factory=dict)
    """By step, the last attempt of each shard in the rounds before: a name is never used again."""


class ShardOutcome(FrozenModel):
    """What became of one shard in a round."""

    step: str
    attempt: int
    """The last one."""
    failed: str | None = None
    """Why, in words, where it was given up."""
    error: str = ""
    """The name of what Step Functions caught."""


class GatherInput(FrozenModel):
    run: RunRef
    sharded: ShardedJob
    outcomes: list[ShardOutcome | None]
    """Of a round. One whose execution died says nothing."""
