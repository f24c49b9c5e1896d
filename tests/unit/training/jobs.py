"""What a job under test is given, and how its results are read."""

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
