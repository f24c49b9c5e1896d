"""How many jobs share one step, and how they take turns at the servers that there are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from stratos.contracts.shards import Shard

MOST_SERVERS = 16
"""At once for one step. More would mostly wait for each other's quota and image."""
SERVERS_OF_UNKNOWN_QUOTA = 4
MOST_QUESTIONS = 250_000
"""Of one job, which holds its questions and what was answered: about 2 GB at 4,000 characters."""
MOST_SHARDS = 64
"""Their outcomes are in the execution's data, which may have 256 KiB."""


@dataclass(frozen=True)
class Split:
    """A step's questions over jobs, so many of them at once.

    Attributes:
        num_shards: 1 where one job has the step to itself.
    """

    num_shards: int
    at_once: int

    @classmethod
    def of(cls, servers: int, questions: int) -> Split:
        """The fewest jobs that use the servers and hold the questions in memory."""
        needed = max(servers, math.ceil(questions / MOST_QUESTIONS))
        num_shards = max(1, min(needed, questions, MOST_SHARDS))
        return cls(num_shards, min(servers, num_shards))

    @property
    def shards(self) -> tuple[Shard, ...]:
        return tuple(Shard(index=i, count=self.num_shards) for i in range(self.num_shards))

    def seconds_each(self, seconds: float, start_seconds: float) -> float:
        """What each job's program may take for all to end in time.

        Args:
            seconds: That one job's program might take alone.
            start_seconds: Of a job, from the request until its program works.
        """
        turns = math.ceil(self.num_shards / self.at_once)
        return (seconds + start_seconds) / turns - start_seconds


def most_servers(quota: int | None) -> int:
    """Servers of one type that a step may have at once.

    Args:
        quota: Of the account, for training jobs on demand; None if it is not known.
    """
    return max(1, min(MOST_SERVERS, SERVERS_OF_UNKNOWN_QUOTA if quota is None else quota))


def step_of_shard(name: str) -> str | None:
    """The step that a shard's own step is part of; None where it is no shard's."""
    found = re.fullmatch(r"(.+-a\d+)-s\d+", name)
    return None if found is None else found[1]


def shard_step(step: str, index: int) -> str:
    """The step of one shard: `synthesize-a0-s2` for the third."""
    return f"{step}-s{index}"
