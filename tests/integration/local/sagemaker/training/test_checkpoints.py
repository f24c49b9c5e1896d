"""Checkpoints of training jobs in the bucket."""

from sagemaker_cloud import BUCKET, Cloud
from training_programs import program

from tests.patience import eventually


def stopped_by_test(cloud: Cloud, name: str) -> None:
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    cloud.finished(name)


def test_checkpoints_are_uploaded_while_a_job_runs_and_restored_for_the_next(cloud):
    config = {"S3Uri": f"s3://{BUCKET}/checkpoints/run", "LocalPath": "/opt/ml/checkpoints"}
    cloud.create_job(
        "writes-0",
        program(
            """
            import pathlib, os, time
            state = pathlib.Path(os.environ["STATE"])
            (state / "step-1").mkdir()
            (state / "step-1/weights").write_text("w")
            (state / "step-1/later.tmp").write_text("unfinished")
            print("ready", flush=True)
            while not pathlib.Path("never").exists():
                time.sleep(0.1)
            """
        ),
        CheckpointConfig=config,
        Environment={"STATE": "/opt/ml/checkpoints"},
    )
    uploaded = eventually(lambda: cloud.keys("checkpoints/run"), lambda keys: keys != [])
    assert uploaded == ["checkpoints/run/step-1/weights"]
    assert cloud.describe("writes-0")["TrainingJobStatus"] == "InProgress"
    stopped_by_test(cloud, "writes-0")

    cloud.create_job(
        "resumes-0",
        program(
            """
            import os, pathlib
            state = pathlib.Path(os.environ["STATE"])
            names = [str(p.relative_to(state)) for p in state.rglob("*") if p.is_file()]
            (state / "last").write_text(",".join(names))
            """
        ),
        CheckpointConfig=config,
        Environment={"STATE": "/opt/ml/checkpoints"},
    )
    assert cloud.finished("resumes-0")["TrainingJobStatus"] == "Completed"
    assert cloud.get(f"s3://{BUCKET}/checkpoints/run/last") == b"step-1/weights"
