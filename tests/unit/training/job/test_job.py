"""The contract that every entry module keeps: exit codes and the failure file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from tests.unit.training.jobs import TEACHER, lay_out
from training import probe

ROOT = Path(__file__).parents[4]


def test_a_user_error_says_what_to_do(container, tmp_path):
    (tmp_path / "empty").mkdir()
    lay_out(tmp_path, model=tmp_path / "empty")
    assert container(probe, role="student", model=TEACHER, max_new_tokens=4, synthesis={}) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ValueError: 'teacher' has no config.json, only []; upload")


def test_a_library_that_gives_up_without_an_exception_is_told_in_words(
    container, tmp_path, monkeypatch
):
    class PanicException(BaseException):
        """As PyO3 makes it."""

    def give_up(job):
        raise PanicException("limit over")

    monkeypatch.setattr(probe, "probe", give_up)
    (tmp_path / "empty").mkdir()
    lay_out(tmp_path, model=tmp_path / "empty")
    assert container(probe, role="student", model=TEACHER, max_new_tokens=4, synthesis={}) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("LibraryPanicked: limit over; where that is of a tokenizer, name")
    described = {"TrainingJobStatus": "Failed", "FailureReason": f"AlgorithmError: {failure}"}
    caught = JobFailure(Error="States.TaskFailed", Cause="")
    assert classify(caught, described).outcome == "user_error"  # no second attempt


@pytest.mark.parametrize("program", ["probe", "synthesize", "distill", "evaluate"])
def test_a_program_runs_from_the_code_folder_with_threads_that_wait_asleep(program, tmp_path):
    (tmp_path / "config").mkdir()
    lay_out(tmp_path, config=tmp_path / "config")
    (tmp_path / "config" / "config.json").write_text("{}")
    ended = subprocess.run(
        [sys.executable, "-m", f"training.{program}"],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"},
            "PYTHONPATH": str(ROOT),
            "SAGEMAKER_BASE_DIR": str(tmp_path),
            "OMP_DISPLAY_ENV": "TRUE",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert (tmp_path / "output" / "failure").read_text().startswith("ValidationError: ")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in ended.stderr
