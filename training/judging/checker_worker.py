"""A checker's process as the job sees it: one request, one reply, each bounded.

The process is a stranger's from its first reply on. What it writes is read up to a limit and
parsed as data; its time is counted here, by the kernel's clocks; and it is ended by SIGKILL. It
cannot have started others (`training/container/confinement.py`).
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from stratos.frozen import FrozenModel
from stratos.units import GIB

_INHERITED = ("LD_LIBRARY_PATH", "LANG")
"""Of the environment, which holds a job's credentials or leads to them."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CODE = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.1
"""Between looks at the time that a process took."""
_KIB = 2**10
_READ_BYTES = 64 * _KIB
_CPU_CLOCK = 2
"""CPUCLOCK_SCHED of the kernel's posix-timers.h: CPU time of all threads."""
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="checker-starter")
"""Starts every process. One ends with the thread that started it (PR_SET_PDEATHSIG of prctl(2)),
and this one ends with the job."""


@dataclass(frozen=True)
class CheckerLimits:
    """What a checker may take.

    Attributes:
        cpu_seconds: Of computing, for one rationale.
        seconds: Until it answers, waiting included; a busy machine has other work besides.
        start_cpu_seconds: Of computing, to import what it needs.
        start_seconds: Until it has.
        memory_bytes: Address space, besides what the modules have that its file names.
        reply_bytes: Of the problems of one rationale.
    """

    cpu_seconds: float = 5.0
    seconds: float = 30.0
    start_cpu_seconds: float = 30.0
    start_seconds: float = 180.0
    memory_bytes: int = GIB
    reply_bytes: int = 256 * _KIB


class CheckerReply(FrozenModel):
    """What the process wrote. One of the fields that may be empty is there."""

    call: int
    """Which request it answers; 0 for the loading."""
    problems: tuple[str, ...] | None = None
    refused: str | None = None
    """Why it cannot answer at all."""
    failed: str | None = None
    """Class of the exception at this rationale."""
    told: str = ""
    """The exception in words."""


class WorkerEnded(Exception):
    """The process had to be ended, or ended by itself; the message goes on from "it"."""


class CheckerWorker:
    """One process with one checker. Not for several threads."""

    def __init__(self, name: str, source: bytes, limits: CheckerLimits) -> None:
        """Start the process and have it load the checker.

        Raises:
            WorkerEnded: when it did not come so far.
        """
        self._limits = limits
        self._process = _STARTER.submit(_started, limits.memory_bytes).result()
        self._end = weakref.finalize(self, _end, self._process)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        self._calls = 0
        self.greeting = self._exchange(
            {"name": name, "source": source.decode("latin-1")},
            limits.start_cpu_seconds,
            limits.start_seconds,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, question: str, answer: str, rationale: str) -> CheckerReply:
        """Have one rationale checked.

        Raises:
            WorkerEnded: when there is no reply within the limits; the process is gone then.
        """
        self._calls += 1
        request = [self._calls, question, answer, rationale]
        return self._exchange(request, self._limits.cpu_seconds, self._limits.seconds)

    def close(self) -> None:
        """End the process."""
        self._end()

    def _exchange(self, request: object, cpu_seconds: float, seconds: float) -> CheckerReply:
        line = memoryview(json.dumps(request).encode() + b"\n")
        try:
            reply = _parse(self._converse(line, cpu_seconds, seconds))
            if reply.call != self._calls:
                raise WorkerEnded("wrote what it was not asked for")
            return reply
        except WorkerEnded:
            self.close()
            raise

    def _converse(self, request: memoryview, cpu_seconds: float, seconds: float) -> bytes:
        """Write and read by turns, since either may have to wait for the other."""
        received = bytearray()
        started, computed = time.monotonic(), self._cpu_seconds()
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        poll.register(self._requests, select.POLLOUT)
        while True:
            ready = dict(poll.poll(_LOOK_SECONDS * 1000))
            if self._requests in ready:
                request = self._write(request)
                if not request:
                    poll.unregister(self._requests)
            if self._replies in ready:
                received += self._read()
                if b"\n" in received or len(received) > self._limits.reply_bytes:
                    break
            if self._cpu_seconds() - computed > cpu_seconds:
                raise WorkerEnded(f"computed for more than {cpu_seconds:g} s")
            if time.monotonic() - started > seconds:
                raise WorkerEnded(f"did not answer within {seconds:g} s")
        if len(received) > self._limits.reply_bytes:
            raise WorkerEnded(f"wrote more than {self._limits.reply_bytes // _KIB} KiB")
        if request or received.index(b"\n") != len(received) - 1:
            raise WorkerEnded("wrote what it was not asked for")
        return bytes(received)

    def _write(self, request: memoryview) -> memoryview:
        try:
            return request[os.write(self._requests, request) :]
        except BrokenPipeError:
            raise WorkerEnded(self._how_it_ended()) from None

    def _read(self) -> bytes:
        chunk = os.read(self._replies, _READ_BYTES)
        if not chunk:
            raise WorkerEnded(self._how_it_ended())
        return chunk

    def _cpu_seconds(self) -> float:
        """What the process has computed so far, by the clock that the kernel has for it."""
        try:
            return time.clock_gettime((~self._process.pid << 3) | _CPU_CLOCK)
        except OSError:
            return 0.0  # it is gone, which its pipe tells

    def _how_it_ended(self) -> str:
        """Of a process that closed its pipe. One that lives on has nobody to answer to.

        One that is ending already keeps its own code.
        """
        self._process.kill()
        code = self._process.wait()
        if code >= 0:
            return f"ended its process, with exit code {code}"
        if code == -signal.SIGKILL:
            return "closed its pipe, or was ended for want of memory"
        known = {member.value: member.name for member in signal.Signals}
        return f"was ended by {known.get(-code, f'signal {-code}')}"


def _started(memory_bytes: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-B", "-P", "-m", "training.judging.checker_process"),
            str(memory_bytes),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_environment(os.environ),
        bufsize=0,
    )


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """What the process is told: of modules, our own and what the job was told to import from.

    The job's working folder is not among them, in which a stranger's files may lie.
    """
    kept = {name: given[name] for name in _INHERITED if name in given}
    folders = [Path(folder) for folder in given.get("PYTHONPATH", "").split(os.pathsep)]
    path = [_CODE, *(folder for folder in folders if folder.is_absolute() and folder != _CODE)]
    named = os.pathsep.join(map(str, path))
    return {**kept, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": named}


def _parse(line: bytes) -> CheckerReply:
    try:
        reply = CheckerReply.model_validate_json(line)
    except ValidationError:
        raise WorkerEnded("wrote what is no answer") from None
    if reply.problems is None and reply.refused is None and reply.failed is None:
        raise WorkerEnded("wrote what is no answer")
    return reply


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
