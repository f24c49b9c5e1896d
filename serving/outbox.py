"""From the engine's thread to an event loop: many items, one wake-up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Outbox:
    """Calls that are due on an event loop.

    Waking a loop costs a system call and the interpreter's lock; a decoding step that ends or
    extends many completions wakes it once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    def put(self, call: Callable[[], None]) -> None:
        """Have the loop make a call soon; from any thread."""
        with self._lock:
            self._calls.append(call)
            if len(self._calls) > 1:
                return
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The loop has closed, and with it whoever wanted to hear.
            with self._lock:
                self._calls.clear()

    def _deliver(self) -> None:
        with self._lock:
            calls, self._calls = self._calls, []
        for call in calls:
            call()


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox_of_running_loop() -> Outbox:
    """The one outbox of the loop that is running."""
    loop = asyncio.get_running_loop()
    if loop not in _outboxes:
        _outboxes[loop] = Outbox(loop)
    return _outboxes[loop]
