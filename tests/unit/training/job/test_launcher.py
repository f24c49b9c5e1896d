"""The launcher under the container's contract: variables, exit codes, SIGTERM, the failure file."""

import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest

from training import distill
from training.job.launcher import Layout, launch


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Launch a program in two processes; returns the exit code and the failure file's text."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    monkeypatch.setenv("SM_OUTPUT_DIR", str(tmp_path / "output"))
    monkeypatch.setenv("FOLDER", str(tmp_path))

    def run(program):
        (tmp_path / "program.py").write_text("import os, sys\n" + textwrap.dedent(program))
        code = launch("program", Layout(("localhost",), 0, 2))
        failure = tmp_path / "output" / "failure"
        return code, failure.read_text() if failure.exists() else None

    return run


def test_every_gpu_of_every_host_gets_a_process():
    environ = {"SM_HOSTS": '["algo-1", "algo-2"]', "SM_CURRENT_HOST": "algo-2", "SM_NUM_GPUS": "4"}
    layout = Layout.from_environment(environ)
    assert layout.num_processes == 8
    variables = layout.variables(29_500)
    assert [one["RANK"] for one in variables] == ["4", "5", "6", "7"]
    assert [one["LOCAL_RANK"] for one in variables] == ["0", "1", "2", "3"]
    assert {(one["WORLD_SIZE"], one["MASTER_ADDR"]) for one in variables} == {("8", "algo-1")}


@pytest.mark.parametrize(
    ("environ", "processes"),
    [({}, 1), ({"SM_NUM_GPUS": "0"}, 1), ({"STRATOS_PROCESSES_PER_HOST": "2"}, 2)],
)
def test_a_host_without_gpus_gets_one_process_unless_told_otherwise(environ, processes):
    assert Layout.from_environment(environ).num_processes == processes


@pytest.mark.parametrize(
    ("instance_type", "processes"), [("ml.g5.xlarge", 1), ("ml.g5.12xlarge", 4), ("ml.p4d.24xl", 8)]
)
def test_the_instance_type_that_was_selected_tells_the_number_of_processes(
    instance_type, processes
):
    environ = {
        "STRATOS_PROCESSES_BY_INSTANCE_TYPE": '{"ml.g5.xlarge":1,"ml.g5.12xlarge":4}',
        "SM_CURRENT_INSTANCE_TYPE": instance_type,
        "SM_NUM_GPUS": "8",
    }
    assert Layout.from_environment(environ).num_processes == processes


def test_what_cannot_be_read_of_the_processes_is_refused():
    with pytest.raises(ValueError, match="a JSON object of numbers by instance type"):
        Layout.from_environment({"STRATOS_PROCESSES_BY_INSTANCE_TYPE": "4"})


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


def test_a_process_that_is_killed_is_named(start):
    code, failure = start(
        """
        import signal
        if os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()
        """
    )
    assert code == 2
    assert failure.startswith("RuntimeError: process 2 of 2 was ended by SIGKILL; ")


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
    assert code == 2
    assert failure.startswith("RuntimeError: process 2 of 2 was ended by SIGKILL; ")


def test_sigterm_while_processes_are_started_reaches_the_later_ones_too(start, monkeypatch):
    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            os.kill(os.getpid(), signal.SIGTERM)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    code, failure = start("import signal; signal.pause()")
    assert code == 2
    assert "was ended by SIGTERM" in failure
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


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
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_layout_needs_its_own_host_among_all():
    environ = {"SM_HOSTS": json.dumps(["algo-1"]), "SM_CURRENT_HOST": "algo-7"}
    with pytest.raises(ValueError, match="algo-7"):
        Layout.from_environment(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SM_HOSTS", "algo-1"), ("SM_HOSTS", "7"), ("SM_CURRENT_HOST", "x"), ("SM_NUM_GPUS", "two")],
)
def test_a_layout_that_cannot_be_read_is_a_failure_with_a_reason(
    tmp_path, monkeypatch, name, value
):
    monkeypatch.setenv("SM_OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv(name, value)
    assert distill.main() == 2
    failure = (tmp_path / "failure").read_text()
    assert failure.startswith("ValueError: ")
    assert name in failure
    assert repr(value) in failure
