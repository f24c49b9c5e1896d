"""The daemon as a process: one per state directory, found again, gone when stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from moto_cloud import Cloud
from processes import is_running

from infra.local import daemon
from infra.local.host.identity import ProcessIdentity
from infra.local.host.lock import try_lock
from infra.local.host.process_list import ProcessList
from infra.local.host.settings import LocalSettings
from tests.patience import eventually


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[LocalSettings]:
    local = LocalSettings(state_dir=tmp_path / "one")
    yield local
    daemon.stop(local)


def cloud_at(url: str, settings: LocalSettings) -> Cloud:
    port = int(url.rpartition(":")[2])
    return Cloud(settings.model_copy(update={"port": port}))


def buckets(url: str, settings: LocalSettings) -> list[str]:
    listed = cloud_at(url, settings)("s3").list_buckets()["Buckets"]
    return [bucket["Name"] for bucket in listed]


def test_two_clouds_live_side_by_side_and_each_keeps_what_is_its_own(
    settings: LocalSettings, tmp_path: Path
) -> None:
    other = LocalSettings(state_dir=tmp_path / "two")
    try:
        with ThreadPoolExecutor(4) as pool:  # Of starts at once, one starts it; all get its URL.
            urls = set(pool.map(daemon.start, [settings, settings, settings, other]))
        assert len(urls) == 2
        url, other_url = daemon.start(settings), daemon.start(other)
        cloud_at(url, settings)("s3").create_bucket(Bucket="mine")
        assert (buckets(url, settings), buckets(other_url, other)) == (["mine"], [])
        running = daemon.status(settings)
        assert (running.alive, running.url) == (True, url)
        assert running.started_at is not None
        assert running.pid != daemon.status(other).pid
        assert daemon.stop(other) == daemon.Ended(was_up=True)
        assert daemon.status(other).alive is False
        assert buckets(url, settings) == ["mine"]
    finally:
        daemon.stop(other)


def test_a_stopped_cloud_comes_back_with_its_buckets_at_its_address(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = daemon.start(settings)
    cloud_at(url, settings)("s3").create_bucket(Bucket="kept")
    assert daemon.stop(settings) == daemon.Ended(was_up=True)
    assert daemon.stop(settings) == daemon.Ended()
    assert daemon.status(settings) == daemon.CloudStatus()
    assert daemon.start(settings) == url
    assert buckets(url, settings) == ["kept"]
    # One that is not known to be ready is asked to end like any other, and saves.
    cloud_at(url, settings)("s3").create_bucket(Bucket="late")
    settings.ready_file.unlink()
    monkeypatch.setattr(daemon, "SETTLE_SECONDS", 0.2)
    assert daemon.stop(settings) == daemon.Ended(was_up=True)
    saved = json.loads((settings.state_dir / "saved" / "state.json").read_text())
    assert list(saved["buckets"]) == ["kept", "late"]


def test_what_a_killed_daemon_left_is_neither_alive_nor_in_the_way(
    settings: LocalSettings,
) -> None:
    daemon.start(settings)
    pid = daemon.status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not daemon.status(settings).alive)
    assert (settings.state_dir / "ready.json").exists()
    assert daemon.stop(settings) == daemon.Ended()

    # Its guard was killed as well, and left this; somebody else has a number that it had.
    left, again, stranger = sleeper(), sleeper(), sleeper()
    listed = ProcessList(settings.processes_file)
    listed.added(left.pid)
    with settings.processes_file.open("a") as file:
        file.write(f"+{stranger.pid} long ago\n")
    assert daemon.stop(settings) == daemon.Ended(num_left=1)
    assert left.wait(60) == -signal.SIGTERM
    listed.added(again.pid)
    daemon.start(settings)  # ends it as well
    assert again.wait(60) == -signal.SIGTERM
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()

    running = daemon.status(settings).pid
    assert running is not None
    assert running != pid
    os.kill(running, signal.SIGSTOP)  # a cloud that was halted saves its state all the same
    assert daemon.stop(settings) == daemon.Ended(was_up=True)


def test_a_state_directory_has_one_process_which_ends_on_a_signal(
    settings: LocalSettings,
) -> None:
    daemon.start(settings)
    command = [sys.executable, "-m", "infra.local.server", "--state-dir", str(settings.state_dir)]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "already serves" in second.stderr
    daemon.stop(settings)

    foreground = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    eventually(lambda: daemon.status(settings).alive)
    assert daemon.status(settings).pid == foreground.pid
    foreground.send_signal(signal.SIGINT)
    _, errors = foreground.communicate(timeout=600)
    assert (foreground.returncode, "stopping" in errors) == (0, True)
    assert json.loads((settings.state_dir / "saved" / "state.json").read_text())["stacks"] == []


def test_a_port_that_is_taken_is_a_failed_start_that_says_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = LocalSettings(state_dir=tmp_path, port=port)
        with pytest.raises(daemon.StartError, match=f"cannot listen on 127.0.0.1:{port}"):
            daemon.start(settings)
    assert daemon.status(settings).alive is False


def test_a_cloud_that_runs_with_other_regions_is_not_taken_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = daemon.CloudStatus(url="http://localhost:1", regions=("us-east-1",), alive=True)
    monkeypatch.setattr(daemon, "_settled", lambda settings: running)
    settings = LocalSettings(state_dir=tmp_path, regions=("us-east-1", "eu-west-1"))
    with pytest.raises(daemon.StartError, match=r"regions us-east-1, not us-east-1, eu-west-1; st"):
        daemon.start(settings)
    assert daemon.start(LocalSettings(state_dir=tmp_path)) == running.url


HOLDER = """
import fcntl, signal, socket, sys, time
from pathlib import Path
from infra.local.host.identity import ProcessIdentity

state, named = Path(sys.argv[1]), sys.argv[2]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = (state / "server.lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX)
silent = socket.create_server(("127.0.0.1", 0))
lock.write(named or str(ProcessIdentity.of(__import__("os").getpid())))
lock.flush()
told = '{"url": "http://127.0.0.1:%d", "pid": 1}' % silent.getsockname()[1]
(state / "ready.json").write_text(told)
print("there", flush=True)
time.sleep(600)
"""


def holder(settings: LocalSettings, named: str = "") -> subprocess.Popen[str]:
    """A process that holds the lock, obeys nobody and answers nothing.

    Args:
        named: Whom the lock's file names, if not the process.
    """
    settings.make_state_dir()
    command = [sys.executable, "-c", HOLDER, str(settings.state_dir), named]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )


def test_a_cloud_that_does_not_answer_is_killed_and_nobody_else_is(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "ANSWER_SECONDS", 0.2)
    hangs = holder(settings)
    ended = daemon.stop(settings)
    assert (ended.was_up, ended.num_left) == (True, 0)
    assert ended.killed_because.startswith("it did not answer within")
    hangs.communicate()
    assert hangs.returncode == -signal.SIGKILL


@pytest.mark.parametrize("is_text", [True, False], ids=["another's number", "no text"])
def test_whoever_has_the_number_of_a_cloud_by_now_is_left_alone(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch, is_text: bool
) -> None:
    monkeypatch.setattr(daemon, "_KILL_SECONDS", 0.2)
    stranger = sleeper()
    hangs = holder(settings, f"{stranger.pid} long ago")
    if not is_text:
        settings.lock_file.write_bytes(b"\xff\xfe")
    try:
        with pytest.raises(daemon.StopError, match="does not name a process that is there"):
            daemon.stop(settings)
        assert (stranger.poll(), hangs.poll()) == (None, None)
    finally:
        for process in (stranger, hangs):
            process.kill()
            process.communicate()


def test_a_stop_waits_for_the_process_and_not_only_for_its_lock(settings: LocalSettings) -> None:
    class Slow(ProcessIdentity):
        """One that has let its lock go, and takes a moment to end."""

        looks = iter([True, True, False])

        def signal(self, number: int) -> bool:
            return True

        def is_alive(self) -> bool:
            return next(self.looks)

    settings.make_state_dir()
    assert daemon._end(settings, Slow(1, "now"), None, 60.0) == ""
    assert list(Slow.looks) == []


def test_a_stop_does_not_wait_for_ever_for_another_command(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.make_state_dir()
    with settings.start_lock_file.open("w") as other, monkeypatch.context() as impatient:
        assert try_lock(other)
        impatient.setattr(daemon, "SETTLE_SECONDS", 0.2)
        with pytest.raises(daemon.StopError, match="another `stratos local up` or `down`"):
            daemon.stop(settings)


def test_a_cloud_whose_folder_is_deleted_ends_and_does_not_make_it_again(
    settings: LocalSettings,
) -> None:
    daemon.start(settings)
    pid = daemon.status(settings).pid
    assert pid is not None
    shutil.rmtree(settings.state_dir)
    assert daemon.stop(settings) == daemon.Ended()
    eventually(lambda: not is_running(pid))
    assert not (settings.state_dir / "saved").exists()
