"""A cloud that runs training jobs, and one job that completed."""

import json

import pytest
from sagemaker_cloud import BUCKET, job_request, running_cloud
from training_programs import channel, program

from infra.local.sagemaker.training.jobs import TrainingJobProcesses


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state_dir = tmp_path_factory.mktemp("state")
    with running_cloud([TrainingJobProcesses()], state_dir, job_grace_seconds=0.5) as running:
        yield running


REPORTS = program(
    """
    import json, os, pathlib, sys
    from recipe import NAME

    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    model = base / "model"
    (model / "code").mkdir()
    (model / "code" / "serve.txt").write_text(NAME)
    root = base / "input"
    report = {
        "argv": sys.argv[1:],
        "cwd": os.getcwd(),
        "path": sys.path,
        "environment": dict(os.environ),
        "files": sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()),
        "train": (root / "data/train/part/a.jsonl").read_text(),
        "hyperparameters": json.loads((root / "config/hyperparameters.json").read_text()),
        "resourceconfig": json.loads((root / "config/resourceconfig.json").read_text()),
        "inputdataconfig": json.loads((root / "config/inputdataconfig.json").read_text()),
    }
    (base / "output/data/report.json").write_text(json.dumps(report))
    print("loss=0.75")
    print("loss=0.25", file=sys.stderr)
    """
)


@pytest.fixture(scope="module")
def completed(cloud):
    """One job with every input, and the report that its program wrote."""
    cloud.put("data/train/part/a.jsonl", '{"a": 1}\n')
    cloud.put("config/run.json", "{}")
    source = cloud.put_tar(
        "code/full.gz",
        {"train.py": REPORTS, "recipe.py": "NAME = 'recipe'\n"},
    )
    request = job_request(
        "full-job-0",
        source,
        HyperParameters={
            "learning-rate": "0.5",
            "teacher": '"big"',
            "where": "/opt/ml/model",
        },
        InputDataConfig=[
            channel("train", f"s3://{BUCKET}/data/train/"),
            channel("config", f"s3://{BUCKET}/config/run.json"),
        ],
        Environment={"STRATOS_STATE": "/opt/ml/checkpoints/state", "PLAIN": "/opt/mlx"},
        Tags=[{"Key": "run", "Value": "r-1"}],
    )
    request["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "train:loss", "Regex": "loss=([0-9.]+)"}
    ]
    cloud.sagemaker.create_training_job(**request)
    job = cloud.finished("full-job-0")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    uri = f"s3://{BUCKET}/output/full-job-0/output/output.tar.gz"
    return request, job, json.loads(cloud.get_tar(uri)["report.json"])
