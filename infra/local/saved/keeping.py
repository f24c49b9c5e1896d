"""Saves the cloud whenever something has changed that only a whole save keeps."""

from __future__ import annotations

import logging
import threading

from infra.local.saved.acknowledged import KILLED
from infra.local.saved.state import SavedState

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
"""After a change: others follow it."""
_AGAIN_SECONDS = 10.0
"""After a save that failed."""


class Keeping:
    """A thread that saves. `pause` ends it; what is acknowledged then still gets into the journal,
    until `close`. Once seams close, executions end that nobody has ended: `leave_ends`."""

    def __init__(self, saved: SavedState) -> None:
        self._saved = saved
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._acknowledging = saved.acknowledging(self._changed.set)
        self._thread = threading.Thread(target=self._run, name="keeping", daemon=True)

    def start(self) -> None:
        """Keep what is there now, and from now on what changes."""
        self._acknowledging.watch()
        self._saved.save(KILLED)
        self._thread.start()

    def pause(self) -> None:
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def leave_ends(self) -> None:
        self._acknowledging.leave_ends()

    def close(self) -> None:
        self.pause()
        self._acknowledging.close()
        self._saved.close()

    def _run(self) -> None:
        while self._changed.wait() and not self._closing.wait(_PAUSE_SECONDS):
            self._changed.clear()
            try:
                self._saved.save(KILLED)
            except Exception:
                log.exception("the cloud could not be saved; it is tried again")
                self._changed.set()
                self._closing.wait(_AGAIN_SECONDS)
