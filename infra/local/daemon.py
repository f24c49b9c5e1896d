"""Start, stop and look at the embedded cloud's background process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

import infra
from infra.local.host.identity import ProcessIdentity
from infra.local.host.lock import is_locked, try_lock
from infra.local.host.process_list import ProcessList
from infra.local.host.settings import LocalSettings
from stratos.errors import StratosError
from stratos.waiting import every, wait_until, within

START_TIMEOUT_SECONDS = 600.0
SETTLE_SECONDS = 120.0
"""For a start or a stop that is under way when another stop is asked for."""
ANSWER_SECONDS = 30.0
"""A busy cloud answers in time; one that does not, cannot save its state either."""
_KILL_SECONDS = 60.0
_START_AND_MORE_SECONDS = 2 * START_TIMEOUT_SECONDS
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
    """The process is still there after being killed, or cannot be told from others; or another
    command is at work on it."""


def status(settings: LocalSettings) -> CloudStatus:
    """The cloud of `settings.state_dir`. It lives as long as its process holds the lock file.

    A ready file whose process is gone (killed, or a reboot) is stale and counts for nothing.
    """
    if not is_locked(settings.lock_file):
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
        StopError: Another start or stop does not end.
    """
    settings.make_state_dir()
    with _alone(settings, _START_AND_MORE_SECONDS):
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


@dataclass(frozen=True)
class Ended:
    """What a stop came to.

    Attributes:
        was_up: Whether there was a process to stop.
        killed_because: Why it was killed, in words; empty where it saved its state and ended.
        num_left: Processes of an earlier one, killed together with its guard, that were ended.
    """

    was_up: bool = False
    killed_because: str = ""
    num_left: int = 0


def stop(settings: LocalSettings, timeout_seconds: float = 300.0) -> Ended:
    """Stop the cloud: its state is saved, then its processes end.

    One that does not answer is killed; what it had acknowledged is kept.

    Raises:
        StopError: It is still there after SIGTERM, `timeout_seconds` and SIGKILL; or nothing says
            which process it is; or another start or stop does not end.
    """
    if not settings.state_dir.exists():
        return Ended()
    with _alone(settings, SETTLE_SECONDS):
        running = wait_until(
            lambda: _settled_status(settings),
            deadline=within(SETTLE_SECONDS),
            pauses=every(_POLL_SECONDS),
        )
        holder = _holder(settings)
        killed = "" if holder is None else _end(settings, holder, running, timeout_seconds)
        left = ProcessList(settings.processes_file).end()
    return Ended(holder is not None, killed, left)


def _end(
    settings: LocalSettings,
    holder: ProcessIdentity,
    running: CloudStatus | None,
    timeout_seconds: float,
) -> str:
    """End the process that holds the lock. Returns why it was killed, if it was."""

    def ends_on(number: signal.Signals, patience: float) -> bool:
        """Whether the process is gone, and the lock is free."""
        holder.signal(number)
        return wait_until(
            lambda: not is_locked(settings.lock_file) and not holder.is_alive(),
            deadline=within(patience),
            pauses=every(_POLL_SECONDS),
        )

    holder.signal(signal.SIGCONT)  # one that was halted can save its state as well
    if running is not None and running.url is not None and not _answers(running.url):
        why = f"it did not answer within {ANSWER_SECONDS:.0f} s"
    elif ends_on(signal.SIGTERM, timeout_seconds):
        return ""
    else:
        waited = timeout_seconds + (SETTLE_SECONDS if running is None else 0)
        why = f"it did not end within {waited:.0f} s"
    if not ends_on(signal.SIGKILL, _KILL_SECONDS):
        raise StopError(
            f"process {holder.pid} of {settings.state_dir} does not end, though it was killed: "
            "it may wait for a disk. Its state is as it was; stop again once it is gone"
        )
    return why


def _answers(url: str) -> bool:
    """Whether the cloud says anything: a refusal is an answer."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _holder(settings: LocalSettings) -> ProcessIdentity | None:
    """The process that holds the lock; None for none.

    Raises:
        StopError: There is one, and nothing says which.
    """

    def told() -> ProcessIdentity | None:
        if not is_locked(settings.lock_file):
            return None
        named = ProcessIdentity.read(settings.lock_file.read_text(errors="replace"))
        return named if named is not None and named.is_alive() else None

    # Whoever has just taken the lock has yet to write its name.
    found = wait_until(
        told,
        lambda found: found is not None or not is_locked(settings.lock_file),
        deadline=within(_KILL_SECONDS),
        pauses=every(_POLL_SECONDS),
    )
    if found is None and is_locked(settings.lock_file):
        raise StopError(
            f"{settings.lock_file} is locked, and does not name a process that is there; end "
            "whatever uses that folder by hand, then stop again"
        )
    return found


def _settled(settings: LocalSettings) -> CloudStatus:
    """The status once a process that is starting or stopping has done so."""
    found = wait_until(
        lambda: _settled_status(settings),
        deadline=within(START_TIMEOUT_SECONDS),
        pauses=every(_POLL_SECONDS),
    )
    if found is None:
        raise StartError(_failure(settings, "neither gets ready nor ends"))
    return found


def _settled_status(settings: LocalSettings) -> CloudStatus | None:
    """The status; None for a process that is starting or stopping."""
    found = status(settings)
    return found if found.alive or not is_locked(settings.lock_file) else None


@contextmanager
def _alone(settings: LocalSettings, patience: float) -> Iterator[None]:
    """One start or stop at a time for a state directory; a second waits and finds it done.

    Raises:
        StopError: The other has not ended in time.
    """
    with settings.start_lock_file.open("w") as lock:
        if not wait_until(
            lambda: try_lock(lock), deadline=within(patience), pauses=every(_POLL_SECONDS)
        ):
            raise StopError(
                f"another `stratos local up` or `down` of {settings.state_dir} has been at work "
                f"for {patience:.0f} s; end that command first"
            )
        yield


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
                *(settings.python, "-m", settings.server),
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
