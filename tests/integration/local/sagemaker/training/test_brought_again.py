"""What `make matrix` does to jobs that are not struck: `tests/matrix/brought_again.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sagemaker_cloud import BUCKET, Cloud, running_cloud
from training_programs import program

from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from tests.matrix.orders import Orders
from tests.matrix.struck_server import Strikes

PROGRAM = program(
    """
    import json, os, pathlib

    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    run = json.loads((base / "input/config/hyperparameters.json").read_text())["run"]
    (base / "model" / "about.json").write_text(json.dumps({"run": run}))
    print("at work")
    """
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(
        [TrainingJobProcesses(), Strikes()], tmp_path_factory.mktemp("state")
    ) as running:
        yield running


def job(cloud: Cloud, run: str, label: str = "distill-a0") -> tuple[list[str], dict[str, Any], str]:
    """What a run's job said, the model it made, and its result, which the test puts for it."""
    name, prefix = f"{run}-{label}-0", f"runs/{run}"
    output = {"S3OutputPath": f"s3://{BUCKET}/{prefix}/models/"}
    cloud.create_job(name, PROGRAM, OutputDataConfig=output, HyperParameters={"run": run})
    done = cloud.finished(name)
    assert done["TrainingJobStatus"] == "Completed", done
    [model] = cloud.get_tar(done["ModelArtifacts"]["S3ModelArtifacts"]).values()
    said = cloud.log_lines("/aws/sagemaker/TrainingJobs", f"{name}/")
    result = f"{prefix}/jobs/{label}/result.json"
    there = result in cloud.keys(prefix)
    return said, json.loads(model), cloud.get(f"s3://{BUCKET}/{result}").decode() if there else ""


def test_a_job_is_brought_what_one_of_before_has_made_under_its_own_runs_name(
    cloud: Cloud,
) -> None:
    orders = Orders(cloud.settings.state_dir)
    orders.give({}, "small")
    cloud.put("runs/first/jobs/distill-a0/result.json", '{"run": "first"}')
    cloud.put("runs/first/jobs/distill-a0/config/config.json", "{}")
    assert job(cloud, "first") == (["at work"], {"run": "first"}, '{"run": "first"}')
    assert job(cloud, "second") == ([], {"run": "second"}, '{"run": "second"}')
    assert "runs/second/jobs/distill-a0/config/config.json" not in cloud.keys("runs/second")


def test_what_a_job_puts_beside_its_own_folder_is_brought_too(cloud: Cloud) -> None:
    Orders(cloud.settings.state_dir).give({}, "dataset")
    cloud.put("runs/read/dataset/train.jsonl", '{"of": "read"}')
    cloud.put("runs/read/records/a.jsonl", "{}")
    assert job(cloud, "read", "inspect")[0] == ["at work"]
    assert job(cloud, "again", "inspect")[0] == []
    assert cloud.get(f"s3://{BUCKET}/runs/again/dataset/train.jsonl") == b'{"of": "again"}'
    assert "runs/again/records/a.jsonl" not in cloud.keys("runs/again")
    cloud.put("runs/read/shards/synthesize-a0-s0/rejected.jsonl", "{}")
    assert job(cloud, "read", "synthesize-a0-s0")[0] == ["at work"]
    assert job(cloud, "again", "synthesize-a0-s0")[0] == []
    assert "runs/again/shards/synthesize-a0-s0/rejected.jsonl" in cloud.keys("runs/again")


def test_what_a_job_makes_of_changed_inputs_is_not_kept(cloud: Cloud) -> None:
    orders = Orders(cloud.settings.state_dir)
    orders.give({}, "changed", keeps=False)
    assert job(cloud, "misled")[0] == ["at work"]
    orders.give({}, "changed")
    assert job(cloud, "after")[0] == ["at work"]


@pytest.mark.parametrize(
    ("run", "scenario", "steps"),
    [("struck", "small", ["distill"]), ("other", "large", []), ("none", "", [])],
)
def test_a_job_that_is_struck_or_of_another_scenario_runs_itself(
    cloud: Cloud, run: str, scenario: str, steps: list[str]
) -> None:
    Orders(cloud.settings.state_dir).give({}, scenario, steps)
    assert job(cloud, run) == (["at work"], {"run": run}, "")
