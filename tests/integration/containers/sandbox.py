"""A container as SageMaker starts one, without Docker: a private /opt/ml, and a first process.

User, mount and process namespaces are the kernel's own. The network stays that of the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

REQUIRED = "STRATOS_ALL_TESTS"
"""Set where these tests must run; elsewhere a machine that cannot run them skips them."""
_NAMESPACES = ("unshare", "-Urmpf", "--mount-proc", "--kill-child")
_SET_UP = """
set -e
root=$1 hosts=$2 stage=$3; shift 3
mount -t tmpfs none "$stage"
for entry in /opt/*; do
    name=${entry##*/}
    if [ -d "$entry" ] && [ "$name" != ml ]; then
        mkdir "$stage/$name"
        mount --rbind "$entry" "$stage/$name"
    fi
done
mkdir "$stage/ml"
mount --bind "$root" "$stage/ml"
mount --rbind "$stage" /opt
mount --bind "$hosts" /etc/hosts
exec "$@"
"""
"""Nothing is written outside: /opt becomes a folder with what it has, and `ml`."""


class Container:
    """A running container; its output goes to `output.log` beside its /opt/ml."""

    def __init__(self, root: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.root = root
        self._log = root.parent / "output.log"
        stage, hosts = root.parent / "stage", root.parent / "hosts"
        stage.mkdir(exist_ok=True)
        hosts.write_text("127.0.0.1 localhost algo-1\n")
        arguments = [str(root), str(hosts), str(stage), *command]
        with self._log.open("wb") as log:
            self._outer = subprocess.Popen(
                [*_NAMESPACES, "/bin/sh", "-c", _SET_UP, "set-up", *arguments],
                env=dict(environment),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def outer(self) -> int:
        """The process that holds the namespaces, outside of them."""
        return self._outer.pid

    @property
    def first_process(self) -> int:
        """As this machine counts; inside it is number 1."""
        [pid] = children_of(self._outer.pid)
        return pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def failure(self) -> str | None:
        """The failure file."""
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else None

    @property
    def is_running(self) -> bool:
        return self._outer.poll() is None

    def wait(self) -> int:
        """The exit code, as a container runtime reports it."""
        code = self._outer.wait()
        return 128 - code if code < 0 else code

    def kill(self) -> None:
        self._outer.kill()
        self._outer.wait()


def children_of(pid: int) -> list[int]:
    """Processes that a process started, as this machine counts."""
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in told.split()]


def command_line(pid: int) -> list[str]:
    try:
        told = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return []
    return told.split("\0")[:-1]


def number_inside(pid: int) -> int:
    """A process's number in its own container."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("NSpid:")).split()[-1])


def give_up(reason: str) -> None:
    """Skip, or fail where these tests must run."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {reason}")
    pytest.skip(reason)


def require_namespaces(folder: Path) -> None:
    """Go on only where this machine gives an ordinary user namespaces of his own."""
    (folder / "opt-ml").mkdir()
    try:
        probe = Container(folder / "opt-ml", ["test", "-d", "/opt/ml"], {"PATH": os.defpath})
    except OSError as error:
        give_up(f"containers need util-linux's unshare: {error}")
        return
    if probe.wait() != 0:
        give_up(f"this machine gives no user, mount and process namespaces: {probe.output.strip()}")
