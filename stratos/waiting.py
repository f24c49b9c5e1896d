"""Wait for something that takes its time: look, pause, look again, until a deadline.

tenacity and stamina repeat a call that fails; neither lets several waits share one deadline or runs
on a clock of the caller's, and a dependency in every package is much for one loop.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_until(
    probe: Callable[[], Seen],
    is_done: Callable[[Seen], object] = bool,
    *,
    pauses: Iterable[float],
    deadline: float = math.inf,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Seen:
    """Call `probe` until `is_done` of its result, and return the last result.

    The first call is made at once, whatever the deadline, and the last one at the deadline. An
    error that `probe` raises ends the wait.

    Args:
        is_done: Holds for what is waited for; without it, anything true is.
        pauses: Seconds between the calls. The wait ends, too, when there are no more.
        deadline: By the clock `now`; see `within`.
        sleep: May return early, as `threading.Event.wait` does when a process is to stop.

    Returns:
        What was waited for, or what there was instead when time ran out.
    """
    left_over = iter(pauses)
    while True:
        seen = probe()
        if is_done(seen):
            return seen
        left = deadline - now()
        pause = next(left_over, None)
        if pause is None or left <= 0:
            return seen
        sleep(min(pause, left))


def within(seconds: float, now: Callable[[], float] = time.monotonic) -> float:
    """The deadline of whoever waits for so many seconds from now."""
    return now() + seconds


def every(seconds: float) -> Iterator[float]:
    """Pauses of one length."""
    return itertools.repeat(seconds)


def growing(first: float, *, by: float, longest: float) -> Iterator[float]:
    """Pauses that are each `by` times as long as the one before, up to the longest."""
    pause = first
    while True:
        yield pause
        pause = min(longest, pause * by)
