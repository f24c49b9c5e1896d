"""What a job under test is given, and how its results are read."""

import json

BUCKET = "jobs"
ANYTHING = {"kind": "regex", "pattern": r"[\s\S]*"}
BASE = {
    "run_id": "words-1234",
    "result_uri": f"s3://{BUCKET}/result.json",
    "progress_uri": f"s3://{BUCKET}/progress.json",
    "deadline_seconds": 600,
    "usd_per_hour": 1.0,
    "judging": {"verifier": ANYTHING, "answer_marker": "####", "has_checker": False},
    "batch_size": 16,
}
TEACHER = {"kind": "weights", "path": "models/teacher"}
STUDENT = {"kind": "weights", "path": "models/student", "licence": "Apache-2.0"}


def read(s3, model, key="result.json"):
    return model.model_validate_json(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def lay_out(base, hyperparameters=None, **channels):
    """Write a container's configuration, and links to channels that lie somewhere else.

    Channels that were laid out before stay, unless they are given again.
    """
    config, data = base / "input" / "config", base / "input" / "data"
    for folder in (config, data):
        folder.mkdir(parents=True, exist_ok=True)
    for name, folder in channels.items():
        (data / name).unlink(missing_ok=True)
        (data / name).symlink_to(folder)
    inputs = {path.name: {"TrainingInputMode": "File"} for path in data.iterdir()}
    (config / "inputdataconfig.json").write_text(json.dumps(inputs))
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters or {}))
