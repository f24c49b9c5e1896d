"""The command of a job's container: what SageMaker takes, and what a shell makes of it."""

from __future__ import annotations

import hashlib
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
    CODE_SHA256,
    CONTAINER_ARGUMENTS,
    CONTAINER_ENTRYPOINT,
    LAUNCHER,
)
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure

LAUNCHER_FILE = LAUNCHER.replace(".", "/") + ".py"


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


def packed(base: Path, files: dict[str, str]) -> Path:
    """The archive with some files, in the channel of the code."""
    channel = base / "input" / "data" / CODE_CHANNEL
    channel.mkdir()
    with tarfile.open(channel / "6f1c.gz", "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return channel / "6f1c.gz"


def started(
    base: Path, path: str | None = None, told: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The command in that folder, and where it looks for programs: Python's folder at first."""
    command = [part.replace("/opt/ml", str(base)) for part in CONTAINER_ARGUMENTS]
    if path is None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [*CONTAINER_ENTRYPOINT, *command],
        env={"PATH": path, **(told or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_the_shell_becomes_the_launcher(base: Path) -> None:
    program = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
    packed(base, {"training/__init__.py": "", LAUNCHER_FILE: program})
    with started(base) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
        assert process.wait() == -signal.SIGTERM
    assert (base / "code" / LAUNCHER_FILE).exists()


@pytest.mark.parametrize("files", [None, {"training/probe.py": ""}])
def test_a_job_without_its_launcher_says_so(base: Path, files: dict[str, str] | None) -> None:
    if files is not None:
        packed(base, files)
    with started(base) as process:
        assert process.wait() == 1
    assert failure_of(base) == "JobNotStarted: no launcher in channel code; start the run anew\n"


def test_code_that_is_not_what_was_deployed_is_not_unpacked(base: Path) -> None:
    archive = packed(base, {LAUNCHER_FILE: "open('ran', 'w').close()"})
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with started(base, told={CODE_SHA256: "0" * 64}) as process:
        assert process.wait() == 1
    assert not (base / "code").exists()
    assert "not unpacked" in failure_of(base)
    with started(base, told={CODE_SHA256: sha256}) as process:
        assert process.wait() == 0
    assert (base / "code" / "ran").exists()


def failure_of(base: Path) -> str:
    return (base / "output" / "failure").read_text()


def outcome_of(base: Path, code: int) -> str:
    """What the next step makes of a job that ended so, as SageMaker tells it."""
    told = f"AlgorithmError: {failure_of(base)}, exit code: {code}"
    job = {"TrainingJobStatus": "Failed", "FailureReason": told}
    return classify(JobFailure(Error="States.TaskFailed"), job).outcome


def test_a_download_that_was_cut_short_is_no_missing_launcher(base: Path) -> None:
    archive = packed(base, {LAUNCHER_FILE: "pass"})
    archive.write_bytes(archive.read_bytes()[:-20])
    with started(base) as process:
        code = process.wait()
    assert code == 1
    assert "not unpacked" in failure_of(base)
    assert outcome_of(base, code) == "crash"


def test_an_image_without_python_ends_with_the_shells_own_code(base: Path) -> None:
    packed(base, {LAUNCHER_FILE: "pass"})
    with started(base, path=str(base)) as process:
        code = process.wait()
    assert code == 127
    assert outcome_of(base, code) == "crash"


def test_a_folder_that_cannot_be_written_is_no_missing_launcher(base: Path) -> None:
    packed(base, {LAUNCHER_FILE: "pass"})
    (base / "code").write_text("no folder can be made where a file is")
    with started(base) as process:
        code = process.wait()
    assert code == 1
    assert outcome_of(base, code) == "crash"
