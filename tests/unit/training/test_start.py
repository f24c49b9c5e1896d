"""The first process of a job: which recipe it runs, and what it says when it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.training.jobs import STUDENT, lay_out
from training import start

ROOT = Path(__file__).parents[3]


def test_the_recipe_is_that_of_the_configuration(container, tmp_path):
    assert container(start, kind="probe", role="student", model={}, max_new_tokens=1) == 2
    failure = (tmp_path / "output" / "failure").read_text()
    assert failure.startswith("ValidationError: ")
    assert "for ProbeConfig" in failure


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "train"}, "ValueError: config.json is of kind 'train'; a job is one of inspect,"),
        ([], "ValueError: config.json is of kind None"),
    ],
)
def test_a_configuration_of_no_recipe_is_refused(tmp_path, monkeypatch, config, message):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text(json.dumps(config))
    assert run_start(tmp_path) == 2
    assert failure_of(tmp_path).startswith(message)


def test_a_job_without_a_configuration_says_which_channel_it_lacks(tmp_path):
    lay_out(tmp_path)
    assert run_start(tmp_path) == 2
    assert failure_of(tmp_path).startswith("ValueError: this job has no channel 'config', only []")


def test_a_missing_package_is_named_by_an_interpreter_that_has_none(tmp_path):
    """Also that the first process imports the standard library alone: it has no packages."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text('{"kind": "distill"}')
    assert run_start(tmp_path, "-S") == 1
    assert failure_of(tmp_path).startswith("JobNotStarted: boto3, duckdb, gguf, huggingface_hub, ")


def test_a_host_beyond_the_first_has_no_part_in_a_recipe_of_one_process(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text('{"kind": "evaluate"}')
    lay_out(tmp_path, config=tmp_path / "config")
    resources = {"hosts": ["algo-1", "algo-2"], "current_host": "algo-2"}
    (tmp_path / "input" / "config" / "resourceconfig.json").write_text(json.dumps(resources))
    assert run_start(tmp_path) == 0


@pytest.mark.usefixtures("records")
def test_a_layout_that_cannot_be_read_is_a_failure_with_a_reason(container, tmp_path, monkeypatch):
    monkeypatch.setenv("STRATOS_PROCESSES_PER_HOST", "two")
    settings = {"student": STUDENT, "method": "full", "precision": "float32", "training": {}}
    assert container(start, kind="distill", **settings) == 2
    assert failure_of(tmp_path).startswith("ValueError: STRATOS_PROCESSES_PER_HOST is 'two'")


@pytest.mark.parametrize("given", [None, "/opt/amazon/efa/lib"])
def test_libraries_for_an_older_driver_come_first(monkeypatch, given):
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if given is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH", given)
    compat = Path("/usr/local/cuda/compat")
    told = start._environment(None, compat)["LD_LIBRARY_PATH"]
    assert told.split(":") == [str(compat), *([given] if given else [])]
    assert start._environment(None, None).get("LD_LIBRARY_PATH") == given


def run_start(base, *flags):
    """Run the first process as its container does, in a folder that stands for /opt/ml."""
    if (base / "config").exists():
        lay_out(base, config=base / "config")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *flags, "-m", start.__name__],
        cwd=ROOT,
        env=kept | {"SAGEMAKER_BASE_DIR": str(base)},
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode


def failure_of(base):
    return (base / "output" / "failure").read_text()
