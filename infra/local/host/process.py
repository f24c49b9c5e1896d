"""A child process in a session of its own, with its output pumped line by line to a log."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from infra.local.host.guard import GUARD

_READ_BYTES = 65536
_PUMP_SECONDS_AFTER_EXIT = 5.0


class LineSink(Protocol):
    """Where a process's output goes; `write_line` is called from the pump thread only."""

    def write_line(self, line: str) -> None: ...


class LoggedProcess:
    """A running program whose stdout and stderr, interleaved, reach `sink` as they are written.

    The program leads its own process group, so that what it started ends with it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        sink: LineSink,
    ) -> None:
        self._sink = sink
        self._process = subprocess.Popen(
            list(command),
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        GUARD.watch(self._process.pid)
        self._pump = threading.Thread(target=self._pump_output, daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def returncode(self) -> int | None:
        """Exit code, negative for a signal, or None while the program runs."""
        return self._process.poll()

    def wait(self, timeout_seconds: float) -> int | None:
        """Exit code once the program ends, or None after `timeout_seconds`."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_for_end(self) -> int:
        """Exit code, once the program ends."""
        return self._process.wait()

    def terminate(self) -> None:
        """Ask the program itself to stop, as a container's first process is asked (SIGTERM)."""
        if self._process.poll() is None:
            self._process.terminate()

    def kill_group(self) -> None:
        """End the program and everything it started that is still in its group (SIGKILL)."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    def finish(self) -> int:
        """End whatever is left of the group, drain the output, and return the exit code."""
        self.kill_group()
        code = self._process.wait()
        GUARD.forget(self._process.pid)
        self._pump.join(_PUMP_SECONDS_AFTER_EXIT)
        return code

    def stop(self, grace_seconds: float) -> int:
        """SIGTERM, `grace_seconds` to obey it, then SIGKILL."""
        self.terminate()
        self.wait(grace_seconds)
        return self.finish()

    def _pump_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            pending = b""
            while chunk := os.read(stream.fileno(), _READ_BYTES):
                *lines, pending = (pending + chunk.replace(b"\r", b"\n")).split(b"\n")
                for line in lines:
                    self._sink.write_line(line.decode("utf-8", "replace"))
            if pending:
                self._sink.write_line(pending.decode("utf-8", "replace"))


def exit_code_as_shell(returncode: int) -> int:
    """The exit code a container runtime reports: 128 + n for a death by signal n."""
    return 128 - returncode if returncode < 0 else returncode


def describe_exit(returncode: int) -> str:
    """An exit code in words, naming the signal where one ended the program."""
    if returncode >= 0:
        return f"exit code: {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "unknown"
    return f"killed by signal {-returncode} ({name}), exit code: {exit_code_as_shell(returncode)}"
