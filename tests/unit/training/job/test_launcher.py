"""The launcher under the container's contract: variables, exit codes, SIGTERM, the failure file."""

import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest

from training.job.launcher import (
    Layout,
    StopSignal,
    await_hosts,
    launch,
    processes_per_host,
)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Launch a program in two processes; returns the exit code and the failure file's text."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)

    def run(program, kills=(None, None)):
        (tmp_path / "program.py").write_text("import os, sys\n" + textwrap.dedent(program))
        counts, stop = iter(kills), StopSignal()
        stop.catch()
        code = launch(
            "program",
            Layout(per_host=2),
            tmp_path / "output",
            stop,
            memory_kills=lambda: next(counts),
        )
        failure = tmp_path / "output" / "failure"
        return code, failure.read_text() if failure.exists() else None

    yield run
    signal.signal(signal.SIGTERM, before)


def test_every_gpu_of_every_host_gets_a_process():
    resources = {
        "hosts": ["algo-2", "algo-1"],
        "current_host": "algo-2",
        "network_interface_name": "eth0",
    }
    layout = Layout.of(resources, per_host=4)
    assert layout.num_processes == 8
    variables = layout.variables(29_500)
    assert [one["RANK"] for one in variables] == ["4", "5", "6", "7"]
    assert [one["LOCAL_RANK"] for one in variables] == ["0", "1", "2", "3"]
    assert {(one["WORLD_SIZE"], one["MASTER_ADDR"]) for one in variables} == {("8", "algo-1")}
    network = layout.network()
    assert network["NCCL_SOCKET_IFNAME"] == network["GLOO_SOCKET_IFNAME"] == "eth0"


def test_a_host_that_is_told_nothing_is_the_only_one():
    assert Layout.of({}, per_host=1) == Layout()
    assert Layout().network() == {}


@pytest.mark.parametrize(
    ("environ", "shared", "processes"),
    [
        ({"STRATOS_PROCESSES_PER_HOST": "2"}, True, 2),
        ({"STRATOS_PROCESSES_PER_HOST": "2"}, False, 1),
        ({"STRATOS_PROCESSES_PER_HOST": "0"}, True, 1),
        ({}, False, 1),
    ],
)
def test_a_recipe_that_can_be_shared_gets_as_many_processes_as_it_is_told(
    environ, shared, processes
):
    assert processes_per_host(environ, shared=shared) == processes


@pytest.mark.parametrize(("gpus", "processes"), [(0, 1), (2, 2)])
def test_a_shared_recipe_that_is_told_nothing_gets_a_process_for_each_gpu(
    tmp_path, monkeypatch, gpus, processes
):
    listing = tmp_path / "nvidia-smi"
    lines = "".join(f"echo 'GPU {number}: NVIDIA L4 (UUID: x)'\n" for number in range(gpus))
    listing.write_text("#!/bin/sh\n" + lines)
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert processes_per_host({}, shared=True) == processes


def test_a_number_of_processes_that_is_none_is_refused():
    with pytest.raises(ValueError, match="STRATOS_PROCESSES_PER_HOST is 'two'"):
        processes_per_host({"STRATOS_PROCESSES_PER_HOST": "two"}, shared=True)


@pytest.mark.parametrize("hosts", ["algo-1", [], [7]])
def test_hosts_that_are_no_names_are_refused(hosts):
    with pytest.raises(ValueError, match=r"hosts in resourceconfig\.json"):
        Layout.of({"hosts": hosts}, per_host=1)


def test_a_layout_needs_its_own_host_among_all():
    with pytest.raises(ValueError, match="algo-7"):
        Layout.of({"hosts": ["algo-1"], "current_host": "algo-7"}, per_host=1)


def test_hosts_are_waited_for_until_their_names_are_known():
    asked = []

    def resolve(host):
        asked.append(host)
        if host == "algo-2":
            raise OSError("Name or service not known")

    with pytest.raises(RuntimeError, match=r"\['algo-2'\]"):
        await_hosts(("algo-1", "algo-2"), resolve, seconds=0)
    assert asked == ["algo-1", "algo-2"]


@pytest.mark.parametrize(
    ("instance_type", "processes"), [("ml.g5.xlarge", 1), ("ml.g5.12xlarge", 4), ("ml.p4d.24xl", 8)]
)
def test_the_instance_type_that_was_selected_tells_the_number_of_processes(
    instance_type, processes, tmp_path
):
    folder = tmp_path / "input" / "config"
    folder.mkdir(parents=True)
    (folder / "resourceconfig.json").write_text(
        json.dumps({"current_instance_type": instance_type})
    )
    environ = {
        "STRATOS_PROCESSES_BY_INSTANCE_TYPE": '{"ml.g5.xlarge":1,"ml.g5.12xlarge":4}',
        "STRATOS_PROCESSES_PER_HOST": "8",
        "SAGEMAKER_BASE_DIR": str(tmp_path),
    }
    assert processes_per_host(environ, shared=True) == processes


@pytest.mark.parametrize("text", ["4", "[1]", "four"])
def test_what_cannot_be_read_of_the_processes_is_refused(text):
    with pytest.raises(ValueError, match="a JSON object of numbers by instance type"):
        processes_per_host({"STRATOS_PROCESSES_BY_INSTANCE_TYPE": text}, shared=True)


def test_each_process_learns_its_rank(start, tmp_path):
    code, failure = start(
        """
        from pathlib import Path
        keys = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR")
        Path(os.environ["FOLDER"], os.environ["RANK"]).write_text(
            " ".join(os.environ[key] for key in keys)
        )
        """
    )
    assert (code, failure) == (0, None)
    assert (tmp_path / "0").read_text() == "0 0 2 127.0.0.1"
    assert (tmp_path / "1").read_text() == "1 1 2 127.0.0.1"


def test_the_first_failures_code_is_returned_and_the_others_are_ended(start):
    code, _ = start(
        """
        import signal
        if os.environ["RANK"] == "1":
            sys.exit(1)
        signal.pause()
        """
    )
    assert code == 1


ENDED_BY_A_KILL = """
    import signal
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()
"""


@pytest.mark.parametrize("kills", [(None, None), (3, 3)])
def test_a_process_that_is_killed_is_named(start, kills):
    code, failure = start(ENDED_BY_A_KILL, kills)
    assert code == 128 + signal.SIGKILL
    assert failure.startswith("RuntimeError: process 2 of 2 was ended by SIGKILL, which mostly")


def test_a_kill_that_the_kernel_counted_is_exhausted_memory(start):
    code, failure = start(ENDED_BY_A_KILL, (3, 4))
    assert code == 128 + signal.SIGKILL
    assert failure.startswith("OutOfMemory: the kernel ended process 2 of 2 for want of memory")


def test_a_process_that_was_killed_is_named_before_those_that_fail_for_want_of_it(start):
    code, failure = start(
        """
        import signal, time
        folder = os.environ["FOLDER"]
        if os.environ["RANK"] == "1":
            with open(folder + "/pid", "w") as file:
                file.write(str(os.getpid()))
            os.rename(folder + "/pid", folder + "/ready")
            signal.pause()
        while not os.path.exists(folder + "/ready"):
            time.sleep(0.01)
        os.kill(int(open(folder + "/ready").read()), signal.SIGKILL)
        sys.exit(1)
        """
    )
    assert code == 128 + signal.SIGKILL
    assert failure.startswith("RuntimeError: process 2 of 2 was ended by SIGKILL, ")


def test_sigterm_while_processes_are_started_reaches_the_later_ones_too(start, monkeypatch):
    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            os.kill(os.getpid(), signal.SIGTERM)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    code, failure = start("import signal; signal.pause()")
    assert code == 128 + signal.SIGTERM
    assert "was ended by SIGTERM" in failure


def test_sigterm_reaches_every_process_which_ends_in_its_own_time(start, tmp_path):
    code, failure = start(
        f"""
        import signal
        from pathlib import Path
        def end(*_):
            Path(os.environ["FOLDER"], "ended-" + os.environ["RANK"]).touch()
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        Path(os.environ["FOLDER"], "ready-" + os.environ["RANK"]).touch()
        while not all(Path(os.environ["FOLDER"], f"ready-{{n}}").exists() for n in (0, 1)):
            pass
        if os.environ["RANK"] == "0":
            os.kill({os.getpid()}, signal.SIGTERM)
        signal.pause()
        """
    )
    assert (code, failure) == (0, None)
    assert {path.name for path in tmp_path.glob("ended-*")} == {"ended-0", "ended-1"}
