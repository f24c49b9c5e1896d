"""Start, stop and look at the embedded cloud's background process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import infra
from infra.local.host.settings import LocalSettings

READY_FILE = "ready.json"
LOCK_FILE = "server.lock"
"""Held by the serving process for as long as it lives."""
START_LOCK_FILE = "start.lock"
LOG_FILE = "server.log"
START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.05


class CloudStatus(BaseModel):
    """What is known of a cloud's process. Without a process only `alive` is set."""

    model_config = ConfigDict(frozen=True)

    url: str | None = None
    pid: int | None = None
    started_at: datetime | None = None
    alive: bool = False


class StartError(RuntimeError):
    """The process ended, or did not answer in time; its last log lines are in the message."""


class StopError(RuntimeError):
    """The process is still there after being killed."""


def status(settings: LocalSettings) -> CloudStatus:
    """The cloud of `settings.state_dir`. It lives as long as its process holds the lock file.

    A ready file whose process is gone (killed, or a reboot) is stale and counts for nothing.
    """
    if not _is_locked(settings.state_dir / LOCK_FILE):
        return CloudStatus()
    try:
        ready = (settings.state_dir / READY_FILE).read_text()
        return CloudStatus.model_validate_json(ready).model_copy(update={"alive": True})
    except (FileNotFoundError, ValidationError):
        return CloudStatus()  # It is still starting, or already stopping.


def start(settings: LocalSettings, foreground: bool = False) -> str:
    """Start the cloud of `settings.state_dir`, unless it runs already.

    Args:
        settings: Where and how to run.
        foreground: Serve in this process until it is signalled, instead of in a new one.

    Returns:
        The endpoint URL.

    Raises:
        StartError: The new process ended or did not get ready.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    if foreground:
        from infra.local.server import serve  # Imports all of moto, which takes seconds.

        serve(settings)
        return settings.endpoint_url
    with _starting_alone(settings):
        if running := _settled(settings).url:
            return running
        return _wait_until_ready(settings, _spawn(settings))


def stop(settings: LocalSettings, timeout_seconds: float = 60.0) -> bool:
    """Stop the cloud: its state is saved, then its processes end.

    Returns:
        Whether there was one to stop.

    Raises:
        StopError: It is still there after SIGTERM, `timeout_seconds` and SIGKILL.
    """
    if not settings.state_dir.exists():
        return False
    with _starting_alone(settings):
        running = _settled(settings)
        if running.pid is None:
            return False
        lock = settings.state_dir / LOCK_FILE
        for number, patience in ((signal.SIGTERM, timeout_seconds), (signal.SIGKILL, 5.0)):
            try:
                os.kill(running.pid, number)
            except ProcessLookupError:
                return True
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not _is_locked(lock):
                    return True
                time.sleep(_POLL_SECONDS)
    raise StopError(f"process {running.pid} of {settings.state_dir} does not end")


def _settled(settings: LocalSettings) -> CloudStatus:
    """The status once a process that is starting or stopping has done so."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        found = status(settings)
        if found.alive or not _is_locked(settings.state_dir / LOCK_FILE):
            return found
        if time.monotonic() > deadline:
            raise StartError(_failure(settings, "neither gets ready nor ends"))
        time.sleep(_POLL_SECONDS)


@contextmanager
def _starting_alone(settings: LocalSettings) -> Iterator[None]:
    """One start or stop at a time for a state directory; a second waits and finds it done."""
    with (settings.state_dir / START_LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _spawn(settings: LocalSettings) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that it outlives this one and its terminal."""
    (settings.state_dir / READY_FILE).unlink(missing_ok=True)
    state_dir = settings.state_dir.resolve()
    absolute = settings.model_copy(update={"state_dir": state_dir})
    sources = str(Path(infra.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([sources, inherited] if inherited else [sources])
    }
    with (state_dir / LOG_FILE).open("ab") as log:
        return subprocess.Popen(
            [
                *(settings.python, "-m", "infra.local.server"),
                *("--settings", absolute.model_dump_json()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=state_dir,
            env=environment,
            start_new_session=True,
        )


def _wait_until_ready(settings: LocalSettings, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        running = status(settings)
        if running.url and running.pid == process.pid:
            # The daemon outlives this handle on purpose; nothing is to wait for it here.
            process.returncode = 0
            return running.url
        if process.poll() is not None:
            raise StartError(_failure(settings, f"ended with exit status {process.returncode}"))
        time.sleep(_POLL_SECONDS)
    process.kill()
    process.wait()
    raise StartError(_failure(settings, f"was not ready after {START_TIMEOUT_SECONDS:.0f} s"))


def _failure(settings: LocalSettings, what: str) -> str:
    log = settings.state_dir / LOG_FILE
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    return f"the embedded cloud {what}; the end of {log}:\n{tail}"
