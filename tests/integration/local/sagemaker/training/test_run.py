"""A training job's program: how it ends, and what is made of that."""

import json
import os
import signal

import pytest
from botocore.exceptions import ClientError
from processes import is_running
from sagemaker_cloud import BUCKET, Cloud, running_cloud
from training_programs import channel, program

from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from tests.patience import eventually


def test_a_failing_program_gives_its_failure_file_as_the_reason(cloud):
    cloud.create_job(
        "fails-0",
        program(
            """
            import os, pathlib, sys
            base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
            (base / "output" / "failure").write_text("TooFewRecords: 3")
            sys.exit(4)
            """
        ),
    )
    job = cloud.finished("fails-0")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: TooFewRecords: 3, exit code: 4"
    assert "ModelArtifacts" not in job


def test_without_a_failure_file_the_reason_is_the_exit_code_alone(cloud):
    cloud.create_job("crashes-0", "raise ValueError('no such teacher')\n")
    assert cloud.finished("crashes-0")["FailureReason"] == "AlgorithmError: , exit code: 1"


def test_a_long_failure_file_is_cut_and_keeps_the_exit_code(cloud):
    cloud.create_job(
        "explains-0",
        program(
            """
            import os, pathlib, sys
            base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
            (base / "output" / "failure").write_text("TooFewRecords: " + "x" * 5000)
            sys.exit(4)
            """
        ),
    )
    reason = cloud.finished("explains-0")["FailureReason"]
    assert reason.startswith("AlgorithmError: TooFewRecords: xxx")
    assert reason.endswith("x, exit code: 4")
    assert len(reason) <= 1024


def test_a_job_killed_from_outside_fails_with_the_code_of_a_kill(cloud):
    cloud.create_job(
        "killed-0", "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    [line] = eventually(lambda: lines_of(cloud, "killed-0"), lambda lines: len(lines) == 1)
    os.kill(int(line), signal.SIGKILL)
    job = cloud.finished("killed-0")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: , exit code: 137"


def lines_of(cloud: Cloud, name: str) -> list[str]:
    path = cloud.settings.state_dir / "jobs" / name / "output.log"
    return path.read_text().splitlines() if path.exists() else []


def test_a_stopped_job_uploads_what_its_model_directory_holds(cloud):
    cloud.create_job(
        "stops-0",
        program(
            """
            import os, pathlib, signal, sys, time
            base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
            def stop(*_):
                (base / "model" / "partial").write_text("half")
                sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            print("ready", flush=True)
            time.sleep(60)
            """
        ),
    )
    eventually(lambda: lines_of(cloud, "stops-0"), lambda lines: lines == ["ready"])
    cloud.sagemaker.stop_training_job(TrainingJobName="stops-0")
    job = cloud.finished("stops-0")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert cloud.get_tar(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"partial": "half"}
    with pytest.raises(ClientError, match="in status Stopped"):
        cloud.sagemaker.stop_training_job(TrainingJobName="stops-0")


def test_a_job_past_its_runtime_is_ended_even_if_it_ignores_the_signal(cloud):
    cloud.create_job(
        "overruns-0",
        program(
            """
            import os, pathlib, signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "model", "best").write_text("3")
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            print(child.pid, flush=True)
            time.sleep(60)
            """
        ),
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    job = cloud.finished("overruns-0")
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert "FailureReason" not in job
    assert cloud.get_tar(job["ModelArtifacts"]["S3ModelArtifacts"]) == {"best": "3"}
    [child] = lines_of(cloud, "overruns-0")
    eventually(lambda: is_running(int(child)), lambda alive: not alive)


def test_a_channel_without_objects_fails_as_the_users_error(cloud):
    cloud.create_job(
        "empty-0", "", InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/here/")]
    )
    job = cloud.finished("empty-0")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed")
    assert "s3://stratos-test/nothing/here/" in job["FailureReason"]


def test_a_channel_in_a_bucket_that_is_not_there_fails_as_the_users_error(cloud):
    cloud.create_job("lost-0", "", InputDataConfig=[channel("train", "s3://not-there-0/train/")])
    reason = cloud.finished("lost-0")["FailureReason"]
    assert reason.startswith(
        "ClientError: Data download failed:Unable to download object s3://not-there-0/train/ "
        "(NoSuchBucket: "
    )


def test_each_change_of_a_job_is_an_event_on_the_default_bus(cloud):
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobName": ["told-0"]},
    }
    events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule="changes", Targets=[target])
    cloud.create_job("told-0", "pass\n")
    cloud.finished("told-0")

    def received() -> list[dict]:
        batch = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in batch.get("Messages", [])]

    told = eventually(received, lambda messages: len(messages) == 5)
    assert {event["detail"]["SecondaryStatus"] for event in told} == {
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    }
    assert all(isinstance(event["detail"]["CreationTime"], int) for event in told)


def test_closing_the_seam_ends_the_programs_and_restores_moto(tmp_path):
    seam = TrainingJobProcesses()
    with running_cloud([seam], tmp_path) as cloud:
        cloud.create_job(
            "left-0", "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
        )
        [pid] = eventually(lambda: lines_of(cloud, "left-0"), lambda lines: len(lines) == 1)
        seam.close()
        assert not is_running(int(pid))
        with pytest.raises(ClientError):
            cloud.sagemaker.stop_training_job(TrainingJobName="left-0")
