"""What a process started ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from processes import is_running

from infra.local.host.guard import Guard
from tests.patience import eventually

PARENT = """
import sys, time
from pathlib import Path
from infra.local.host.process import LoggedProcess

class Sink:
    def write_line(self, line):
        print(line, flush=True)

code = "import os, signal, sys, time; {code}; print(os.getpid(), flush=True); time.sleep(600)"
LoggedProcess([sys.executable, "-c", code], directory=Path("."), environment={{}}, sink=Sink())
time.sleep(600)
"""


@pytest.mark.parametrize(
    "code", ["pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["obeys", "stubborn"]
)
def test_a_job_does_not_outlive_a_killed_parent(code: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(code=code)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.kill()
    parent.communicate()
    eventually_gone(child)


def test_what_was_forgotten_is_left_alone_and_what_is_watched_is_ended() -> None:
    guard = Guard()
    kept, ended = (
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
        for _ in range(2)
    )
    guard.watch(kept.pid)
    guard.watch(ended.pid)
    guard.forget(kept.pid)
    guard.close()
    assert ended.wait(600) == -signal.SIGTERM
    assert kept.poll() is None
    kept.kill()
    kept.wait()


def eventually_gone(pid: int) -> None:
    try:
        eventually(lambda: not is_running(pid))
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise
