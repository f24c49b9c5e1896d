"""The processes of a job: as many as its recipe can use, watched until the last one has ended.

The processes get torchrun's variables and can be started by torchrun as well. Its agent is not used
here: it kills 30 seconds after SIGTERM, where SageMaker gives 120, and answers every failure with
exit code 1.

Only the standard library is imported: the packages of the job are not there yet.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from stratos.errors import OutOfMemory
from stratos.waiting import every, wait_until, within
from training.container.failure import report_failure
from training.container.instance import current_instance_type
from training.container.memory import num_memory_kills

_PORT = 29_500
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 30.0
"""For the others to end by themselves once one has failed."""
_HOSTS_SECONDS = 900.0
"""In which the names of all hosts must become known; SageMaker's own toolkit waits as long."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """Where the processes of a job run.

    Attributes:
        hosts: Names of all hosts, the same on each.
        host: Index of this host in `hosts`.
        per_host: Processes on each host.
        interface: Network interface between the hosts.
    """

    hosts: tuple[str, ...] = ("localhost",)
    host: int = 0
    per_host: int = 1
    interface: str | None = None

    @classmethod
    def of(cls, resources: Mapping[str, object], per_host: int) -> Layout:
        """Read `resourceconfig.json`.

        Raises:
            ValueError: when it cannot be read, or this host is not among its hosts.
        """
        hosts = resources.get("hosts", ["localhost"])
        if not (isinstance(hosts, list) and hosts and all(isinstance(one, str) for one in hosts)):
            raise ValueError(
                f"hosts in resourceconfig.json is {hosts!r}; a list of names is needed, as "
                "SageMaker writes it"
            )
        names = tuple(sorted(hosts))
        current = resources.get("current_host", names[0])
        if current not in names:
            raise ValueError(
                f"current_host in resourceconfig.json is {current!r}, which is not in hosts {names}"
            )
        interface = resources.get("network_interface_name")
        return cls(
            names,
            names.index(str(current)),
            per_host,
            str(interface) if interface else None,
        )

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

    def network(self) -> dict[str, str]:
        """Return what NCCL and Gloo must know, as SageMaker's own toolkit tells NCCL."""
        if self.interface is None:
            return {}
        return {
            "NCCL_SOCKET_IFNAME": self.interface,
            "NCCL_IB_DISABLE": "1",
            "NCCL_DEBUG": "WARN",
            "GLOO_SOCKET_IFNAME": self.interface,
        }


def processes_per_host(environ: Mapping[str, str], *, shared: bool) -> int:
    """Return how many processes a host runs.

    Args:
        shared: The recipe can be run by several. STRATOS_PROCESSES_PER_HOST says how many, or
            STRATOS_PROCESSES_BY_INSTANCE_TYPE where the job could have started on one of several
            types; without them, there is one for each GPU.

    Raises:
        ValueError: when that is not a number.
    """
    if not shared:
        return 1
    asked = _by_instance_type(environ) or environ.get("STRATOS_PROCESSES_PER_HOST")
    if asked is None:
        return max(1, _num_gpus())
    if not asked.isdecimal():
        raise ValueError(
            f"STRATOS_PROCESSES_PER_HOST is {asked!r}; set it to a whole number of processes"
        )
    return max(1, int(asked))


def _by_instance_type(environ: Mapping[str, str]) -> str | None:
    """The number of processes that was planned for the instance type of this host, if any was."""
    text = environ.get("STRATOS_PROCESSES_BY_INSTANCE_TYPE")
    if text is None:
        return None
    try:
        planned = json.loads(text)
        found = planned.get(current_instance_type(environ) or "")
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"STRATOS_PROCESSES_BY_INSTANCE_TYPE is {text!r}; a JSON object of numbers by instance "
            "type is needed"
        ) from error
    return None if found is None else str(found)


@dataclass
class StopSignal:
    """SIGTERM, from the job's first moment on: handed on to every process that there is."""

    came: bool = False
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def catch(self) -> None:
        signal.signal(signal.SIGTERM, self._hand_on)

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Hand the signal on to this process, also if it came before the process was there."""
        self.processes.append(process)
        if self.came:
            process.terminate()

    def _hand_on(self, _signal: int, _frame: FrameType | None) -> None:
        self.came = True
        for process in self.processes:
            process.terminate()


def launch(
    module: str,
    layout: Layout,
    output_dir: Path,
    stop: StopSignal,
    environ: Mapping[str, str] = os.environ,
    memory_kills: Callable[[], int | None] = num_memory_kills,
) -> int:
    """Run a module in every process of this host and return the job's exit code.

    When one process fails the others are ended, and its exit code is returned: 128 + n for signal
    n. A process that a signal ended is named in the failure file.
    """
    await_hosts(layout.hosts)
    port = _PORT if len(layout.hosts) > 1 else _free_port()
    killed_before = memory_kills()
    processes = stop.processes
    try:
        for variables in layout.variables(port):
            told = {**layout.network(), **environ, **variables}
            stop.watch(subprocess.Popen([sys.executable, "-m", module], env=told))
        failed = _wait(processes)
        if failed is None:
            return 0
        _end(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    code = processes[failed].returncode
    if code > 0:
        return code
    report_failure(
        output_dir,
        _killed(f"process {failed + 1} of {len(processes)}", -code, killed_before, memory_kills()),
        is_cause=True,
    )
    return 128 - code


def await_hosts(
    hosts: Sequence[str],
    resolve: Callable[[str], object] = socket.gethostbyname,
    seconds: float = _HOSTS_SECONDS,
) -> None:
    """Wait until the name of every host is known: hosts of one job start at their own pace.

    Raises:
        RuntimeError: when one stays unknown.
    """
    if len(hosts) == 1:
        return

    def unknown() -> list[str]:
        return [host for host in hosts if not _resolves(host, resolve)]

    left = wait_until(unknown, lambda names: not names, pauses=every(1.0), deadline=within(seconds))
    if left:
        raise RuntimeError(f"the hosts {left} of this job did not become known to this one")


def _resolves(host: str, resolve: Callable[[str], object]) -> bool:
    try:
        resolve(host)
    except OSError:
        return False
    return True


def _killed(process: str, number: int, before: int | None, after: int | None) -> Exception:
    """What a process's end by a signal is called."""
    name = signal.Signals(number).name
    advice = "lower training.batch_tokens, or pick a server with more memory"
    if number == signal.SIGKILL and before is not None and after is not None and after > before:
        return OutOfMemory(f"the kernel ended {process} for want of memory ({name}); {advice}")
    if number == signal.SIGKILL:
        return RuntimeError(
            f"{process} was ended by {name}, which mostly means that memory ran out: {advice}"
        )
    return RuntimeError(f"{process} was ended by {name}")


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait until all are done or one has failed, and return which.

    Of several that failed since the last look, one that a signal ended comes first: the others
    failed because it was gone.
    """

    def codes() -> list[int | None]:
        ended = [process.poll() for process in processes]
        _reap_orphans(processes)
        return ended

    ended = wait_until(
        codes, lambda seen: any(seen) or None not in seen, pauses=every(_POLL_SECONDS)
    )
    failed = [number for number, code in enumerate(ended) if code]
    return min(failed, key=lambda number: (ended[number] or 0) > 0) if failed else None


def _reap_orphans(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Collect what nobody else will: the container's first process inherits every orphan."""
    if os.getpid() != 1:
        return
    own = {process.pid for process in processes}
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in own:
                return
            os.waitpid(ended.si_pid, 0)


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


def _num_gpus() -> int:
    """As SageMaker's own toolkit counts them: without torch."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
