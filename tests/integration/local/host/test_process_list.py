"""What was started is found again, and nobody else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import is_running

from infra.local.host.process_list import ProcessList
from tests.patience import eventually

LEADER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "{child}"])
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[str]]:
    """A process with a child that does not obey; it prints the child's number."""
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER.format(child=STUBBORN)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_what_is_left_is_ended_with_its_children(
    tmp_path: Path, leader: subprocess.Popen[str]
) -> None:
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    ProcessList(tmp_path / "list").added(leader.pid)
    assert ProcessList(tmp_path / "list").end() == 1
    assert leader.wait(60) == -signal.SIGTERM
    eventually(lambda: not is_running(child))


def test_what_has_ended_or_was_never_listed_is_left_alone(
    tmp_path: Path, leader: subprocess.Popen[str]
) -> None:
    path = tmp_path / "list"
    assert ProcessList(path).end() == 0
    listed = ProcessList(path)
    listed.begin()
    listed.added(leader.pid)
    listed.removed(leader.pid)
    with path.open("a") as file:
        file.write(f"+{leader.pid} at another time\n+\nnonsense\n+12")
    assert (listed.left(), listed.end()) == ([], 0)
    assert leader.poll() is None


def test_a_list_that_cannot_be_written_stops_nothing(
    tmp_path: Path, leader: subprocess.Popen[str]
) -> None:
    listed = ProcessList(tmp_path / "none" / "list")
    listed.added(leader.pid)
    listed.removed(leader.pid)


def test_a_line_that_was_cut_does_not_spoil_the_next(
    tmp_path: Path, leader: subprocess.Popen[str]
) -> None:
    (tmp_path / "list").write_text("+12 3")
    ProcessList(tmp_path / "list").added(leader.pid)
    assert [one.pid for one in ProcessList(tmp_path / "list").left()] == [leader.pid]
