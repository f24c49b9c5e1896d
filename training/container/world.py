"""The processes that train one student together, as torchrun's variables describe them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """One process among its peers; by default the only one.

    Attributes:
        rank: Of this process, from 0.
        size: How many there are, on all hosts.
        local_rank: Of this process among those on its host: the accelerator it uses.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> World:
        """Read RANK, WORLD_SIZE and LOCAL_RANK; alone where they are not set."""
        return cls(
            int(environ.get("RANK", 0)),
            int(environ.get("WORLD_SIZE", 1)),
            int(environ.get("LOCAL_RANK", 0)),
        )

    @property
    def is_first(self) -> bool:
        """Whether this process writes what all of them made."""
        return self.rank == 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Meet the other processes, over NCCL between GPUs and Gloo between CPUs."""
        if self.size == 1:
            yield
            return
        import torch  # takes seconds: a job without a model does without
        import torch.distributed as dist

        if torch.cuda.is_available():
            torch.cuda.set_device(self.local_rank)
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        yield
        # Not after an error: the others may still wait for what this process will not send.
        dist.destroy_process_group()

    def share(self, items: Sequence[Item]) -> list[Item | None]:
        """Return every size-th item, filled up with None: all processes get equally many.

        All processes gather a sharded layer together, so each must run it equally often.
        """
        own: list[Item | None] = list(items[self.rank :: self.size])
        return own + [None] * (-(-len(items) // self.size) - len(own))

    def total(self, value: float) -> float:
        """Return the sum over the processes."""
        return value if self.size == 1 else self._reduce(value, "SUM")

    def highest(self, value: int) -> int:
        """Return the highest over the processes."""
        return value if self.size == 1 else int(self._reduce(value, "MAX"))

    def lowest(self, value: int) -> int:
        """Return the lowest over the processes."""
        return value if self.size == 1 else int(self._reduce(value, "MIN"))

    def gather(self, items: dict[int, Item]) -> dict[int, Item]:
        """Return the numbered items of all processes together, in the order of their numbers."""
        found = items
        if self.size > 1:
            import torch.distributed as dist

            parts: list[dict[int, Item]] = [{}] * self.size
            dist.all_gather_object(parts, items)
            found = {number: item for part in parts for number, item in part.items()}
        return dict(sorted(found.items()))

    def _reduce(self, value: float, how: Literal["SUM", "MAX", "MIN"]) -> float:
        import torch
        import torch.distributed as dist

        device = "cuda" if torch.cuda.is_available() else "cpu"
        held = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(held, getattr(dist.ReduceOp, how))
        return float(held)


ALONE = World()
