"""What a test waits for, and how it fails when that does not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stratos.waiting import every, wait_until, within

T = TypeVar("T")


def eventually(
    read: Callable[[], T],
    is_done: Callable[[T], object] = bool,
    *,
    seconds: float = 30.0,
    pause: float = 0.05,
) -> Any:
    """The first value that is done, by default a true one; the last one goes into the failure."""
    value = wait_until(read, is_done, deadline=within(seconds), pauses=every(pause))
    assert is_done(value), f"still {value!r} after {seconds:.0f} s"
    return value
