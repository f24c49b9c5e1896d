"""One training process for each accelerator of each host.

The processes get torchrun's variables and can be started by torchrun as well. Its agent is not used
here: it kills 30 seconds after SIGTERM, where SageMaker gives 120, and answers every failure with
exit code 1.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from pydantic import TypeAdapter, ValidationError

from stratos.waiting import every, wait_until
from training.container.instance import current_instance_type
from training.container.paths import SageMakerPaths
from training.job.job import report_failure

_PORT = 29_500
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 30.0
"""For the others to end by themselves once one has failed."""
UNNAMED_FAILURE = 2
"""The exit code of a failure that Stratos has no name for."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """Where the processes of a job run.

    Attributes:
        hosts: Names of all hosts, the same on each.
        host: Index of this host in `hosts`.
        per_host: Processes on each host.
    """

    hosts: tuple[str, ...]
    host: int
    per_host: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Layout:
        """Read SageMaker's variables: a process for each GPU, or one for a host without.

        STRATOS_PROCESSES_PER_HOST overrides that, and so does STRATOS_PROCESSES_BY_INSTANCE_TYPE
        where the job could have started on one of several.

        Raises:
            ValueError: when they cannot be read, or this host is not among them.
        """
        hosts = _hosts(environ.get("SM_HOSTS") or "[]") or ("localhost",)
        current = environ.get("SM_CURRENT_HOST") or hosts[0]
        if current not in hosts:
            raise ValueError(
                f"SM_CURRENT_HOST is {current!r}, which is not in SM_HOSTS {hosts}; add it there"
            )
        asked = _by_instance_type(environ) or environ.get("STRATOS_PROCESSES_PER_HOST")
        asked = asked or environ.get("SM_NUM_GPUS") or "0"
        if not asked.isdecimal():
            raise ValueError(
                f"the number of processes on a host is {asked!r}; set SM_NUM_GPUS (or "
                "STRATOS_PROCESSES_PER_HOST) to a whole number"
            )
        return cls(hosts, hosts.index(current), max(1, int(asked)))

    @property
    def num_processes(self) -> int:
        return len(self.hosts) * self.per_host

    def variables(self, port: int) -> list[dict[str, str]]:
        """Return what torchrun would set, for each process of this host."""
        return [
            {
                "RANK": str(self.host * self.per_host + local_rank),
                "LOCAL_RANK": str(local_rank),
                "WORLD_SIZE": str(self.num_processes),
                "LOCAL_WORLD_SIZE": str(self.per_host),
                "MASTER_ADDR": self.hosts[0] if len(self.hosts) > 1 else "127.0.0.1",
                "MASTER_PORT": str(port),
            }
            for local_rank in range(self.per_host)
        ]


def launch(module: str, layout: Layout) -> int:
    """Run a module in every process of this host and return its exit code.

    SIGTERM is passed on to all of them. When one fails the others are ended, and its exit code is
    returned. A process that a signal ended is named in the failure file.
    """
    port = _PORT if len(layout.hosts) > 1 else _free_port()
    processes: list[subprocess.Popen[bytes]] = []
    must_end = threading.Event()

    def hand_on(_signal: int, _frame: FrameType | None) -> None:
        must_end.set()
        for process in processes:
            process.terminate()

    before = signal.signal(signal.SIGTERM, hand_on)
    try:
        for variables in layout.variables(port):
            environ = {**os.environ, **variables}
            processes.append(subprocess.Popen([sys.executable, "-m", module], env=environ))
            # SIGTERM came before this process was there to get it.
            if must_end.is_set():
                processes[-1].terminate()
        failed = _wait(processes)
        if failed is None:
            return 0
        _end(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        signal.signal(signal.SIGTERM, before)
    code = processes[failed].returncode
    if code > 0:
        return code
    name = signal.Signals(-code).name
    message = (
        f"process {failed + 1} of {len(processes)} was ended by {name}; after SIGKILL look for "
        "exhausted memory: lower training.batch_tokens, or pick a larger server"
    )
    report_failure(SageMakerPaths.from_environment(), RuntimeError(message))
    return UNNAMED_FAILURE


def _by_instance_type(environ: Mapping[str, str]) -> str | None:
    """The number of processes that was planned for the instance type of this host, if any was."""
    text = environ.get("STRATOS_PROCESSES_BY_INSTANCE_TYPE")
    if text is None:
        return None
    try:
        planned = TypeAdapter(dict[str, int]).validate_json(text)
    except ValidationError as error:
        raise ValueError(
            f"STRATOS_PROCESSES_BY_INSTANCE_TYPE is {text!r}; a JSON object of numbers by instance "
            "type is needed"
        ) from error
    found = planned.get(current_instance_type(environ) or "")
    return None if found is None else str(found)


def _hosts(text: str) -> tuple[str, ...]:
    try:
        return tuple(TypeAdapter(list[str]).validate_json(text))
    except ValidationError as error:
        raise ValueError(
            f"SM_HOSTS is {text!r}; a JSON list of host names is needed, as SageMaker sets it"
        ) from error


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait until all are done or one has failed, and return which.

    Of several that failed since the last look, one that a signal ended comes first: the others
    failed because it was gone.
    """

    def codes() -> list[int | None]:
        return [process.poll() for process in processes]

    ended = wait_until(
        codes, lambda seen: any(seen) or None not in seen, pauses=every(_POLL_SECONDS)
    )
    failed = [number for number, code in enumerate(ended) if code]
    return min(failed, key=lambda number: (ended[number] or 0) > 0) if failed else None


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask the processes to end, and give them time to."""
    ends_at = time.monotonic() + _GRACE_SECONDS
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(max(0.0, ends_at - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.warning("process %d did not end; it is killed", process.pid)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
