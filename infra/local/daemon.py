"""Start, stop and look at the embedded cloud's background process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import infra
from infra.local.host.settings import LocalSettings
from stratos.errors import StratosError
from stratos.waiting import every, wait_until, within

START_TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 0.05
_ALLOCATOR = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 20),
}
"""So that glibc gives back the megabytes that a transfer took; otherwise each thread keeps some."""


class CloudStatus(BaseModel):
    """What is known of a cloud's process. Without a process only `alive` is set."""

    model_config = ConfigDict(frozen=True)

    url: str | None = None
    regions: tuple[str, ...] = ()
    """Home first."""
    pid: int | None = None
    started_at: datetime | None = None
    alive: bool = False
    num_damaged: int = 0
    """Objects whose content was cut or gone when the cloud came up."""
    damaged: tuple[str, ...] = ()
    """The first of them, in words."""


class StartError(StratosError):
    """The process ended, or did not answer in time; its last log lines are in the message."""


class StopError(StratosError):
    """The process is still there after being killed."""


def status(settings: LocalSettings) -> CloudStatus:
    """The cloud of `settings.state_dir`. It lives as long as its process holds the lock file.

    A ready file whose process is gone (killed, or a reboot) is stale and counts for nothing.
    """
    if not _is_locked(settings.lock_file):
        return CloudStatus()
    try:
        ready = settings.ready_file.read_text()
        return CloudStatus.model_validate_json(ready).model_copy(update={"alive": True})
    except (FileNotFoundError, ValidationError):
        return CloudStatus()  # It is still starting, or already stopping.


def start(settings: LocalSettings) -> str:
    """Start the cloud of `settings.state_dir`, unless it runs already.

    Returns:
        The endpoint URL.

    Raises:
        StartError: The new process ended or did not get ready; or one runs with other regions.
    """
    settings.make_state_dir()
    with _starting_alone(settings):
        running = _settled(settings)
        if running.url:
            _refuse_other_regions(running, settings)
            return running.url
        return _wait_until_ready(settings, _spawn(settings))


def _refuse_other_regions(running: CloudStatus, settings: LocalSettings) -> None:
    if running.regions and running.regions != settings.regions:
        raise StartError(
            f"the embedded cloud of {settings.state_dir} runs with the regions "
            f"{', '.join(running.regions)}, not {', '.join(settings.regions)}; stop it first "
            "(`stratos local down`), which keeps its state"
        )


def stop(settings: LocalSettings, timeout_seconds: float = 300.0) -> bool:
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
        for number, patience in ((signal.SIGTERM, timeout_seconds), (signal.SIGKILL, 60.0)):
            try:
                os.kill(running.pid, number)
            except ProcessLookupError:
                return True
            if wait_until(
                lambda: not _is_locked(settings.lock_file),
                deadline=within(patience),
                pauses=every(_POLL_SECONDS),
            ):
                return True
    raise StopError(f"process {running.pid} of {settings.state_dir} does not end")


def _settled(settings: LocalSettings) -> CloudStatus:
    """The status once a process that is starting or stopping has done so."""

    def settled() -> CloudStatus | None:
        found = status(settings)
        return found if found.alive or not _is_locked(settings.lock_file) else None

    found = wait_until(settled, deadline=within(START_TIMEOUT_SECONDS), pauses=every(_POLL_SECONDS))
    if found is None:
        raise StartError(_failure(settings, "neither gets ready nor ends"))
    return found


@contextmanager
def _starting_alone(settings: LocalSettings) -> Iterator[None]:
    """One start or stop at a time for a state directory; a second waits and finds it done."""
    with settings.start_lock_file.open("w") as lock:
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
    settings.ready_file.unlink(missing_ok=True)
    absolute = settings.model_copy(update={"state_dir": settings.state_dir.resolve()})
    sources = str(Path(infra.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([sources, inherited] if inherited else [sources]),
        **_ALLOCATOR,
    }
    with settings.log_file.open("ab") as log:
        return subprocess.Popen(
            [
                *(settings.python, "-m", "infra.local.server"),
                *("--settings", absolute.model_dump_json()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=absolute.state_dir,
            env=environment,
            start_new_session=True,
        )


def _wait_until_ready(settings: LocalSettings, process: subprocess.Popen[bytes]) -> str:
    def url_once_ready() -> str | None:
        running = status(settings)
        if running.pid == process.pid:
            return running.url
        if process.poll() is not None:
            raise StartError(_failure(settings, f"ended with exit status {process.returncode}"))
        return None

    url = wait_until(
        url_once_ready, deadline=within(START_TIMEOUT_SECONDS), pauses=every(_POLL_SECONDS)
    )
    if url is None:
        process.kill()
        process.wait()
        raise StartError(_failure(settings, f"was not ready after {START_TIMEOUT_SECONDS:.0f} s"))
    # The daemon outlives this handle on purpose; nothing is to wait for it here.
    process.returncode = 0
    return url


def _failure(settings: LocalSettings, what: str) -> str:
    tail = "\n".join(settings.log_file.read_text(errors="replace").splitlines()[-20:])
    return f"the embedded cloud {what}; the end of {settings.log_file}:\n{tail}"
