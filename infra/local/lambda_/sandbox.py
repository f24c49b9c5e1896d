"""A sandbox: one `awslambdaric` process that serves one invocation at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from infra.local.host.guard import GUARD
from infra.local.lambda_.configuration import FunctionConfiguration
from infra.local.lambda_.invocation_log import InvocationRecord
from infra.local.lambda_.runtime_api import Invocation, InvocationOutcome, RuntimeApi

INIT_SECONDS = 10.0
"""Initialization beyond this runs on the invocation's own time, as on AWS."""


class Sandbox:
    """Starts the process at once; `invoke` blocks until there is an outcome.

    Output goes to a file, not a pipe: what the function wrote before it answered is in the file
    when the answer arrives, so the log of an invocation is complete without waiting.
    """

    def __init__(
        self,
        configuration: FunctionConfiguration,
        *,
        python: str,
        host: str,
        task_root: Path,
        environment: dict[str, str],
        directory: Path,
    ) -> None:
        self.configuration = configuration
        today = f"{datetime.now(UTC):%Y/%m/%d}"
        self.log_stream = f"{today}/[{configuration.version}]{uuid.uuid4().hex}"
        self.idle_since = time.monotonic()
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = Path(tempfile.mkdtemp(dir=directory))
        self._log_path = self._directory / "output.log"
        self._log_offset = 0
        self._started = time.monotonic()
        self._fresh = True
        self._delivery_offset = 0
        self._api = RuntimeApi(host, on_delivery=self._mark_delivery)
        temporary = self._directory / "tmp"
        temporary.mkdir()
        with self._log_path.open("ab") as log:
            # -S keeps this environment's site-packages away; see `infra.local.lambda_.code`.
            self._process = subprocess.Popen(
                [python, "-S", "-m", "awslambdaric", configuration.handler],
                cwd=task_root,
                env=environment
                | {
                    "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
                    "AWS_LAMBDA_RUNTIME_API": self._api.address,
                    "TMPDIR": str(temporary),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        GUARD.watch(self._process.pid)
        self._watch = threading.Thread(target=self._watch_exit, name="sandbox", daemon=True)
        self._watch.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, invocation: Invocation) -> InvocationRecord:
        """Run one request, killing the process when the function's time is up."""
        begun = time.monotonic()
        self._api.submit(invocation)
        limit = invocation.timeout_seconds
        if not invocation.delivered.wait(INIT_SECONDS + limit):
            invocation.started = begun
            self._time_out(invocation)
        left = invocation.started + limit - time.monotonic() if invocation.started else limit
        try:
            outcome = invocation.outcome.result(timeout=max(left, 0.0))
        except TimeoutError:
            self._time_out(invocation)
            outcome = invocation.outcome.result()
        ended = time.monotonic()
        started = invocation.started or ended
        record = InvocationRecord(
            request_id=invocation.request_id,
            outcome=outcome,
            init_lines=self._read_log(self._delivery_offset) if self._fresh else [],
            lines=self._read_log(None),
            duration_ms=(ended - started) * 1000,
            init_ms=(started - self._started) * 1000 if self._fresh else None,
            max_memory_mib=self._peak_memory_mib(),
        )
        self._fresh = False
        self.idle_since = ended
        return record

    def close(self) -> None:
        """End the process and remove its files."""
        self.kill()
        self._api.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _time_out(self, invocation: Invocation) -> None:
        message = f"Task timed out after {invocation.timeout_seconds:.2f} seconds"
        invocation.resolve(
            InvocationOutcome.failure(invocation.request_id, "Sandbox.Timedout", message)
        )
        self.kill()

    def kill(self) -> None:
        """End the process and whatever it started; an invocation in it fails."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._watch.join()

    def _watch_exit(self) -> None:
        code = self._process.wait()
        GUARD.forget(self._process.pid)
        if code == 0:
            reason = "Runtime exited without providing a reason"
        elif code < 0:
            name = signal.Signals(-code).name.removeprefix("SIG").lower()
            reason = f"Runtime exited with error: signal: {'killed' if name == 'kill' else name}"
        else:
            reason = f"Runtime exited with error: exit status {code}"
        self._api.end(
            lambda held: InvocationOutcome.failure(held.request_id, "Runtime.ExitError", reason)
        )

    def _mark_delivery(self) -> None:
        self._delivery_offset = self._log_path.stat().st_size

    def _read_log(self, end: int | None) -> list[str]:
        """Lines written since the last read, up to the offset `end`."""
        with self._log_path.open("rb") as log:
            log.seek(self._log_offset)
            data = log.read() if end is None else log.read(max(end - self._log_offset, 0))
        self._log_offset += len(data)
        # The interface client separates the lines of a traceback by carriage returns.
        return data.decode("utf-8", "replace").replace("\r", "\n").splitlines()

    def _peak_memory_mib(self) -> int | None:
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return None
        peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
        return round(int(peak.split()[1]) / 1024) if peak else None
