"""The command of a job's container: what SageMaker takes, and what a shell makes of it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from botocore.session import get_session

from stratos.contracts.job_start import (
    CODE_CHANNEL,
    CONTAINER_ARGUMENTS,
    CONTAINER_ENTRYPOINT,
    LAUNCHER,
)


def test_sagemaker_takes_the_command() -> None:
    shapes = get_session().get_service_model("sagemaker")
    for entries, strings, texts in (
        (CONTAINER_ENTRYPOINT, "TrainingContainerEntrypoint", "TrainingContainerEntrypointString"),
        (CONTAINER_ARGUMENTS, "TrainingContainerArguments", "TrainingContainerArgument"),
    ):
        assert len(entries) <= shapes.shape_for(strings).metadata["max"]
        assert max(map(len, entries)) <= shapes.shape_for(texts).metadata["max"]
        assert shapes.shape_for(texts).metadata["pattern"] == ".*"
        assert not any("\n" in entry for entry in entries)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder that stands for /opt/ml."""
    (tmp_path / "input" / "data").mkdir(parents=True)
    (tmp_path / "output").mkdir()
    return tmp_path


def started(base: Path, files: dict[str, str] | None) -> subprocess.Popen[bytes]:
    """The command in that folder, with files in the channel of the code; None for no channel."""
    if files is not None:
        channel = base / "input" / "data" / CODE_CHANNEL
        channel.mkdir()
        with tarfile.open(channel / "6f1c.gz", "w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
    command = [part.replace("/opt/ml", str(base)) for part in CONTAINER_ARGUMENTS]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [*CONTAINER_ENTRYPOINT, *command],
        env={"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_the_shell_becomes_the_launcher(base: Path) -> None:
    program = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    name = LAUNCHER.replace(".", "/") + ".py"
    with started(base, {name: program}) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
        assert process.wait() == -signal.SIGTERM
    assert (base / "code" / name).exists()


@pytest.mark.parametrize("files", [None, {"training/probe.py": ""}])
def test_a_job_without_its_launcher_says_so(base: Path, files: dict[str, str] | None) -> None:
    with started(base, files) as process:
        assert process.wait() == 1
    failure = (base / "output" / "failure").read_text()
    assert failure == "JobNotStarted: no launcher in channel code; start the run anew\n"
