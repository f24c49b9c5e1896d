"""What a test waits for: as long as it moves, however slow the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def eventually(
    read: Callable[[], T],
    is_done: Callable[[T], object] = bool,
    *,
    doing: Callable[[], object] | None = None,
    seconds: float = 60.0,
    pause: float = 0.05,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Any:
    """The first value that is done, by default a true one.

    It is given up when nothing has changed for so many seconds, and for as many looks as an idle
    machine would have had in them: a busy one gets more time.

    Args:
        doing: What is done on the way there; its last value goes into the failure. The value
            itself is looked at without it.
        seconds: Without a change.
    """
    moved_at, looks, before = now(), 0, object()
    while True:
        value = read()
        if is_done(value):
            return value
        step = value if doing is None else doing()
        if step != before:
            moved_at, looks, before = now(), 0, step
        looks += 1
        if now() - moved_at >= seconds and looks * pause >= seconds:
            last = "" if doing is None else f"; it was at {step!r}"
            raise AssertionError(f"still {value!r}: nothing moved for {seconds:.0f} s{last}")
        sleep(pause)
