"""A process is told from every other that has its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.host import identity
from infra.local.host.identity import ProcessIdentity


@pytest.mark.parametrize("proc", [Path("/proc"), Path("/none")], ids=["linux", "by ps"])
def test_a_process_is_known_by_number_and_start(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_PROC", proc)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(command)
    found = ProcessIdentity.of(process.pid)
    assert found is not None
    assert found == ProcessIdentity.read(f"{found}\n")
    assert found.is_alive()
    other = ProcessIdentity(process.pid, "another time")
    assert not other.signal(signal.SIGKILL)
    assert process.poll() is None
    assert found.signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not found.is_alive()  # though nobody has asked for its exit code yet
    process.wait()
    assert ProcessIdentity.of(process.pid) is None
    assert not found.signal(signal.SIGKILL)


def test_a_process_that_is_hidden_from_its_asker_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hidden(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", hidden)
    assert ProcessIdentity.of(os.getpid()) is None


@pytest.mark.parametrize(
    "text", ["", "12", "12 ", "x y", "-1 now", "None", "² now", "9" * 50 + " a"]
)
def test_what_names_no_process_is_none(text: str) -> None:
    assert ProcessIdentity.read(text) is None
