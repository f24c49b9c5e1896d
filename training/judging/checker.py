"""The user's own check of a rationale, step by step.

The file is a stranger's code. It runs in a process of its own that has nothing of the job's: no
file, network, credentials or other process, and so much time and memory. A rationale at which it
fails is rejected; one that fails time after time ends the job with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from stratos.errors import CheckerFailed
from stratos.units import GIB, MIB
from training.judging.checker_worker import CheckerLimits, CheckerReply, CheckerWorker, WorkerEnded

Checker = Callable[[str, str, str], list[str]]
"""`check(question, answer, rationale)`: the rationale's problems, none if every step holds.

`answer` is what the rationale explains: the gold answer, or with `per_element` one element of it.
`rationale` is what was written before the answer marker.
"""
LIMITS = CheckerLimits()
MAX_SOURCE_BYTES = MIB
FAILURES_IN_A_ROW = 20
"""Questions, since the elements of one hard question come one after the other."""
ENDS_IN_A_ROW = 3
"""Questions at which the process had to be ended, which takes up to half a minute each."""
ENDS, ENDS_SHARE = 20, 0.01
"""Processes that had to be ended: this number is too many if it is more than this share, too."""
_LOGGED_FAILURES = 5
_SHOWN_CHARACTERS = 400
_log = logging.getLogger(__name__)


def load_checker(folder: Path, limits: CheckerLimits = LIMITS) -> ConfinedChecker:
    """Start the checker of a channel.

    Raises:
        ValueError: when there is no such file.
        CheckerFailed: when it cannot be loaded, or this system cannot confine it.
    """
    files = sorted(folder.glob("*.py"))
    path = folder / "checker.py" if (folder / "checker.py").exists() else None
    if path is None and len(files) == 1:
        path = files[0]
    if path is None:
        raise ValueError(
            f"the checker channel holds {[file.name for file in files]}; expected checker.py"
        )
    if path.stat().st_size > MAX_SOURCE_BYTES:
        raise CheckerFailed(
            f"{path.name} has {path.stat().st_size:,} bytes; a checker has at most "
            f"{MAX_SOURCE_BYTES:,}. Keep tables short, or compute them"
        )
    return ConfinedChecker(path.name, path.read_bytes(), limits)


class ConfinedChecker:
    """A `Checker` whose code runs elsewhere. Its process is replaced when it had to be ended."""

    def __init__(self, name: str, source: bytes, limits: CheckerLimits) -> None:
        """Start.

        Raises:
            CheckerFailed: when the checker cannot be loaded, or this system cannot confine it.
        """
        self._name, self._source, self._limits = name, source, limits
        self._calls = self._failures = self._ends = 0
        self._failed_in_a_row: set[str] = set()
        self._ended_in_a_row: set[str] = set()
        self._worker: CheckerWorker | None = self._start()
        _log.info(
            "%s runs by itself: no files, network, threads or other processes (seccomp); %g s of "
            "computing and %g GiB for a rationale",
            name,
            limits.cpu_seconds,
            limits.memory_bytes / GIB,
        )

    def __call__(self, question: str, answer: str, rationale: str) -> list[str]:
        """Return the rationale's problems; that the checker failed at it is one.

        Raises:
            CheckerFailed: when it failed too often.
        """
        self._calls += 1
        try:
            if self._worker is None:
                self._worker = self._start()
            reply = self._worker.ask(question, answer, rationale)
        except WorkerEnded as end:
            self._worker = None
            self._ends += 1
            self._ended_in_a_row.add(question)
            return self._failed(question, f"it {end}", f"it {end}")
        self._ended_in_a_row.clear()
        if reply.problems is None:
            return self._failed(question, f"it failed with {reply.failed}", reply.told)
        self._failed_in_a_row.clear()
        return list(reply.problems)

    def close(self) -> None:
        """End its process; otherwise it ends with the job."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _start(self) -> CheckerWorker:
        try:
            worker = CheckerWorker(self._name, self._source, self._limits)
        except WorkerEnded as end:
            raise CheckerFailed(
                f"{self._name} cannot be loaded: it {end}. {self._needed()}"
            ) from None
        reply: CheckerReply = worker.greeting
        if reply.problems is None:
            worker.close()
            raise CheckerFailed(f"{_line(reply.refused or reply.told)}. {self._needed()}")
        return worker

    def _failed(self, question: str, reason: str, told: str) -> list[str]:
        """Reject a rationale, or give up."""
        self._failures += 1
        self._failed_in_a_row.add(question)
        if self._failures <= _LOGGED_FAILURES:
            _log.warning("%s failed at a rationale, which is rejected: %s", self._name, _line(told))
        often = None
        in_a_row = len(self._failed_in_a_row)
        if in_a_row >= FAILURES_IN_A_ROW or len(self._ended_in_a_row) >= ENDS_IN_A_ROW:
            often = f"{in_a_row} questions in a row"
        elif self._ends >= ENDS and self._ends > ENDS_SHARE * self._calls:
            often = (
                f"{self._failures} of {self._calls} rationales, and was started anew "
                f"{self._ends} times"
            )
        if often is not None:
            self.close()
            raise CheckerFailed(
                f"{self._name} failed at {often}; the last: {_line(told)}. {self._needed()}"
            )
        return [reason]

    def _needed(self) -> str:
        limits = self._limits
        return (
            f"A checker computes for at most {limits.cpu_seconds:g} s a rationale (and "
            f"{limits.start_cpu_seconds:g} s when it is loaded) in {limits.memory_bytes / GIB:g} "
            "GiB besides its modules, without files, network, threads or other processes, and "
            "returns a list of texts; change it accordingly"
        )


def _line(text: str) -> str:
    """A stranger's words as part of a message."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable[:_SHOWN_CHARACTERS].rstrip(". ")
