"""One shard of a target in a process of its own: bounded memory, counted CPU, resumable.

`python -m tests.fuzz.worker TARGET FIRST STEP END FILE` runs the inputs FIRST, FIRST + STEP, …
up to END, and goes on where FILE says that an earlier process stopped. It ends before END, with 0,
where the next input needs a process of its own.
"""

from __future__ import annotations

import gc
import json
import logging
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.target import Outcome, Target, input_of, outcome
from tests.fuzz.targets.table import make_target

MOST_CPU_RATIO = 50.0
"""An input may cost no more than so many times the CPU of its valid parent, and that many times for
each length of the parent that it is long: to read more takes longer."""
MOST_MEMORY_BYTES = 2**30
"""That an input may take beyond what the process holds once the valid ones were run."""
_STUCK_SECONDS = 120.0
"""Then an input is given up. By the clock on the wall: with a timer of CPU seconds, Linux counts
those in whole ticks."""
_TRIES = 3
"""An input that seems too dear is run again: the machine does other work, too."""
_MOST_FAILURES_KEPT = 200
_WRITTEN_EACH = 20


class StuckError(BaseException):
    """An input does not end. No `except Exception` holds this up."""


@dataclass
class Failure:
    """An input that is not what was promised, and how to see it again."""

    number: int
    told: str
    parent: int = 0


@dataclass
class Shard:
    """What a shard has come to so far."""

    next_number: int
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    failures: list[Failure] = field(default_factory=list)
    num_failures: int = 0
    worst_cpu_ratio: float = 0.0
    worst_cpu_number: int = -1
    peak_memory_bytes: int = 0
    suspect: int | None = None
    """The input that ran when the process was killed; one that does it twice has failed."""

    def fail(self, number: int, told: str, parent: int) -> None:
        self.num_failures += 1
        if len(self.failures) < _MOST_FAILURES_KEPT:
            self.failures.append(Failure(number, told[:2_000], parent))

    def write(self, file: Path) -> None:
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(file)

    @classmethod
    def read(cls, file: Path, first: int) -> Shard:
        try:
            found = json.loads(file.read_text())
        except FileNotFoundError:
            return cls(first)
        failures = [Failure(**one) for one in found.pop("failures")]
        return cls(**found, failures=failures)


def main(name: str, first: int, step: int, end: int, file: Path) -> None:
    logging.disable()
    signal.signal(signal.SIGALRM, _stuck)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    running = file.with_suffix(".running")
    shard = Shard.read(file, first)
    skipped = _killer(shard, running)
    shard.write(file)
    target = make_target(name)
    try:
        parents = target.parents()
        costs = [_cost_of_parent(target, parent) for parent in parents]
        gc.collect()
        gc.freeze()
        base = _limit_memory()
        left = range(shard.next_number, end, step)[: target.inputs_per_process]
        for read_before, number in enumerate(left):
            running.write_text(str(number))
            if number == skipped:
                shard.inputs += 1
                shard.fail(number, "it ends the process that runs it", 0)
            elif not _run(target, parents, costs, number, shard, is_fresh=read_before == 0):
                break
            shard.next_number = number + step
            shard.peak_memory_bytes = max(shard.peak_memory_bytes, _peak() - base)
            # After a kill, the next process begins with the input that was at work.
            if target.inputs_per_process is not None or shard.inputs % _WRITTEN_EACH == 0:
                shard.write(file)
    finally:
        # Not reached by a process that is killed.
        running.unlink(missing_ok=True)
        shard.write(file)
        target.close()


def _killer(shard: Shard, running: Path) -> int | None:
    """The input that has killed two processes; one that has killed one becomes suspect."""
    try:
        number = int(running.read_text())
    except (FileNotFoundError, ValueError):
        return None
    twice, shard.suspect = shard.suspect == number, number
    return number if twice else None


def _run(
    target: Target,
    parents: Sequence[Any],
    costs: Sequence[float],
    number: int,
    shard: Shard,
    *,
    is_fresh: bool,
) -> bool:
    """Run an input and count it.

    Args:
        is_fresh: Whether this process has read nothing but valid inputs so far.

    Returns:
        Whether it is judged. One that fails may do so for what an earlier one left behind.
    """
    with _without_limit():
        place, given = input_of(target, parents, number)
    found, seconds = _timed(target, given)
    times_as_long = max(1.0, target.size(given) / target.size(parents[place]))
    allowed = costs[place] * times_as_long
    ratio = seconds / allowed
    for _ in range(_TRIES - 1):
        if ratio <= MOST_CPU_RATIO:
            break
        ratio = min(ratio, _timed(target, given)[1] / allowed)
    if found.verdict != "failed" and ratio > MOST_CPU_RATIO:
        found = Outcome("failed", f"{ratio:.0f} times the CPU of its valid parent ({found.told})")
    if found.verdict == "failed" and target.inputs_per_process is not None and not is_fresh:
        return False
    shard.inputs += 1
    if ratio > shard.worst_cpu_ratio:
        shard.worst_cpu_ratio, shard.worst_cpu_number = ratio, number
    if found.verdict == "failed":
        shard.fail(number, found.told, place)
    elif found.verdict == "accepted":
        shard.accepted += 1
    else:
        shard.refused += 1
    return True


def _timed(target: Target, given: Any) -> tuple[Outcome, float]:
    """What became of an input, and the CPU seconds of this process and of what it started."""
    begun = _cpu_seconds()
    signal.setitimer(signal.ITIMER_REAL, _STUCK_SECONDS)
    try:
        found = outcome(target, given)
    except StuckError:
        found = Outcome("failed", f"it did not end within {_STUCK_SECONDS:g} s")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return found, _cpu_seconds() - begun


def _cost_of_parent(target: Target, parent: Any) -> float:
    found = [_timed(target, parent) for _ in range(5)]
    told = found[-1][0]
    assert told.verdict == "accepted", f"a valid input is {told.verdict}: {told.told}"
    return max(min(seconds for _, seconds in found), 1e-5)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _limit_memory() -> int:
    """Allow this much more from now on. Returns the most that was resident so far."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    return _peak()


@contextmanager
def _without_limit() -> Iterator[None]:
    """What makes an input may take more than what reads it."""
    most, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _stuck(_number: int, _frame: FrameType | None) -> None:
    raise StuckError


def repeat(name: str, number: int) -> str:
    """Run one input again; what it was and how it ended."""
    target = make_target(name)
    try:
        place, given = input_of(target, target.parents(), number)
        shown = repr(given)
        told = [f"parent {place}; {len(shown):,} characters: {shown[:3_000]}"]
        begun = _cpu_seconds()
        try:
            target.run(given)
            told.append("accepted")
        except Exception:
            told.append(traceback.format_exc())
        told.append(f"{_cpu_seconds() - begun:.4f} s of CPU")
        return "\n".join(told)
    finally:
        target.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5]))
