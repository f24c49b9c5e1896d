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
    from training.recipe import NAME
    import stratos

    model = pathlib.Path(os.environ["SM_MODEL_DIR"])
    (model / "code").mkdir()
    (model / "code" / "serve.txt").write_text(NAME)
    root = pathlib.Path(os.environ["SM_INPUT_DIR"])
    report = {
        "argv": sys.argv[1:],
        "cwd": os.getcwd(),
        "path": sys.path,
        "stratos": stratos.__file__,
        "environment": dict(os.environ),
        "files": sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()),
        "train": (pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]) / "part/a.jsonl").read_text(),
        "hyperparameters": json.loads((root / "config/hyperparameters.json").read_text()),
        "resourceconfig": json.loads((root / "config/resourceconfig.json").read_text()),
        "inputdataconfig": json.loads((root / "config/inputdataconfig.json").read_text()),
    }
    (pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "report.json").write_text(json.dumps(report))
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
        "code/full.tar.gz",
        {
            "training/distill.py": REPORTS,
            "training/recipe.py": "NAME = 'recipe'\n",
            "stratos/__init__.py": "",
        },
    )
    request = job_request(
        "full-job-0",
        source,
        HyperParameters={
            "sagemaker_program": "training/distill.py",
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
