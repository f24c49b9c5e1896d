import json
import os
import signal
import textwrap

import pytest
from botocore.exceptions import ClientError
from processes import is_running
from sagemaker_cloud import BUCKET, Cloud, job_request, running_cloud

from infra.local.host.log_stream import LogStream
from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from tests.patience import eventually


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state_dir = tmp_path_factory.mktemp("state")
    with running_cloud([TrainingJobProcesses()], state_dir, job_grace_seconds=0.5) as running:
        yield running


def program(text: str) -> str:
    return textwrap.dedent(text)


def stopped_by_test(cloud: Cloud, name: str) -> None:
    cloud.sagemaker.stop_training_job(TrainingJobName=name)
    cloud.finished(name)


WAITS = program(
    """
    import pathlib, time
    pathlib.Path("ready").write_text("")
    print("ready", flush=True)
    time.sleep(60)
    """
)

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


def channel(name: str, uri: str) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


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


def test_a_job_is_described_with_what_it_was_asked_for(completed):
    request, job, _ = completed
    for name in (
        "TrainingJobName",
        "HyperParameters",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "Environment",
        "RoleArn",
        "AlgorithmSpecification",
    ):
        assert job[name] == request[name]
    assert job["SecondaryStatus"] == "Completed"
    assert "FailureReason" not in job


def test_a_completed_job_tells_its_transitions_times_and_metrics(completed):
    _, job, _ = completed
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(step["StartTime"] <= step["EndTime"] for step in job["SecondaryStatusTransitions"])
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    [metric] = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("train:loss", 0.25)


def test_the_model_directory_becomes_the_model_artifact(cloud, completed):
    _, job, _ = completed
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/output/full-job-0/output/model.tar.gz"
    assert cloud.get_tar(uri) == {"code/serve.txt": "recipe"}


def test_channels_and_configuration_lie_where_the_container_contract_says(completed):
    request, _, report = completed
    assert report["files"] == [
        "config/hyperparameters.json",
        "config/inputdataconfig.json",
        "config/resourceconfig.json",
        "data/config/run.json",
        "data/train/part/a.jsonl",
    ]
    assert report["train"] == '{"a": 1}\n'
    assert report["hyperparameters"] == request["HyperParameters"]
    assert report["resourceconfig"]["hosts"] == ["algo-1"]
    assert report["inputdataconfig"]["train"]["TrainingInputMode"] == "File"


def test_hyperparameters_reach_the_program_as_arguments_and_variables(completed):
    _, _, report = completed
    environment = report["environment"]
    model = environment["SM_MODEL_DIR"]
    expected = ["--learning-rate", "0.5", "--teacher", "big", "--where", model]
    assert report["argv"] == expected
    assert json.loads(environment["SM_USER_ARGS"]) == expected
    assert environment["SM_HP_LEARNING-RATE"] == "0.5"
    assert environment["SM_HP_TEACHER"] == "big"
    hyperparameters = {"learning-rate": 0.5, "teacher": "big", "where": model}
    assert json.loads(environment["SM_HPS"]) == hyperparameters
    assert json.loads(environment["SM_TRAINING_ENV"])["hyperparameters"] == hyperparameters


def test_paths_of_the_container_in_the_environment_are_moved_to_the_job(completed):
    _, _, report = completed
    environment = report["environment"]
    root = environment["SM_MODEL_DIR"].removesuffix("/model")
    assert environment["STRATOS_STATE"] == f"{root}/checkpoints/state"
    assert environment["PLAIN"] == "/opt/mlx"
    assert environment["SM_CHANNEL_TRAIN"] == f"{root}/input/data/train"
    assert json.loads(environment["SM_CHANNELS"]) == ["config", "train"]
    assert environment["OMP_NUM_THREADS"] == environment["SM_NUM_CPUS"] == "1"
    assert environment["TRAINING_JOB_NAME"] == "full-job-0"


def test_a_job_sees_only_its_own_code(completed):
    _, _, report = completed
    code = report["environment"]["PYTHONPATH"]
    assert report["cwd"] == code
    assert report["stratos"] == f"{code}/stratos/__init__.py"
    checkout = os.getcwd()  # noqa: PTH109
    assert checkout not in report["path"]
    assert "PYTEST_CURRENT_TEST" not in report["environment"]


def test_output_of_the_program_is_in_cloudwatch_logs(cloud, completed):
    lines = cloud.log_lines("/aws/sagemaker/TrainingJobs", "full-job-0/algo-1-")
    assert lines == ["loss=0.75", "loss=0.25"]


def test_jobs_are_listed_by_status_and_name(cloud, completed):
    listed = cloud.sagemaker.list_training_jobs(NameContains="full", StatusEquals="Completed")
    [summary] = listed["TrainingJobSummaries"]
    assert summary["TrainingJobName"] == "full-job-0"
    assert summary["TrainingJobStatus"] == "Completed"
    empty = cloud.sagemaker.list_training_jobs(NameContains="full", StatusEquals="InProgress")
    assert empty["TrainingJobSummaries"] == []


def test_tags_of_a_job_can_be_read_and_added(cloud, completed):
    _, job, _ = completed
    arn = job["TrainingJobArn"]
    cloud.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": "1"}])
    tags = cloud.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"run": "r-1", "more": "1"}


def test_a_failing_program_gives_its_failure_file_as_the_reason(cloud):
    cloud.create_job(
        "fails-0",
        program(
            """
            import os, pathlib, sys
            pathlib.Path(os.environ["SM_OUTPUT_DIR"], "failure").write_text("TooFewRecords: 3")
            sys.exit(4)
            """
        ),
    )
    job = cloud.finished("fails-0")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: TooFewRecords: 3, exit code: 4"
    assert "ModelArtifacts" not in job


def test_without_a_failure_file_the_reason_is_the_end_of_the_output(cloud):
    cloud.create_job("crashes-0", "print('x' * 5000)\nraise ValueError('no such teacher')\n")
    reason = cloud.finished("crashes-0")["FailureReason"]
    assert reason.endswith("ValueError: no such teacher, exit code: 1")
    assert len(reason) <= 1024


def test_a_job_killed_from_outside_fails_and_names_the_signal(cloud):
    cloud.create_job(
        "killed-0", "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    [line] = eventually(lambda: lines_of(cloud, "killed-0"), lambda lines: len(lines) == 1)
    os.kill(int(line), signal.SIGKILL)
    job = cloud.finished("killed-0")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("killed by signal 9 (SIGKILL), exit code: 137")


def lines_of(cloud: Cloud, name: str) -> list[str]:
    path = cloud.settings.state_dir / "jobs" / name / "output.log"
    return path.read_text().splitlines() if path.exists() else []


def test_a_stopped_job_uploads_what_its_model_directory_holds(cloud):
    cloud.create_job(
        "stops-0",
        program(
            """
            import os, pathlib, signal, sys, time
            def stop(*_):
                pathlib.Path(os.environ["SM_MODEL_DIR"], "partial").write_text("half")
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
            pathlib.Path(os.environ["SM_MODEL_DIR"], "best").write_text("3")
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


def test_a_channel_without_objects_fails_as_the_users_error(cloud):
    cloud.create_job(
        "empty-0", "", InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/here/")]
    )
    job = cloud.finished("empty-0")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed")
    assert "s3://stratos-test/nothing/here/" in job["FailureReason"]


def test_source_without_the_program_fails_as_the_users_error(cloud):
    cloud.create_job("misnamed-0", "", HyperParameters={"sagemaker_program": "distill.py"})
    reason = cloud.finished("misnamed-0")["FailureReason"]
    assert reason.startswith("ClientError: ")
    assert "holds no 'distill.py'" in reason


def test_a_name_is_given_to_one_job_only(cloud, completed):
    with pytest.raises(cloud.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        cloud.create_job("full-job-0", "")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("n" * 64, {}, "length less than or equal to 63"),
        ("under_score", {}, "regular expression pattern"),
        ("ends-", {}, "regular expression pattern"),
        ("long-value", {"HyperParameters": {"config": "v" * 2501}}, "equal to 2500"),
    ],
)
def test_requests_are_refused_as_the_service_refuses_them(cloud, name, changes, message):
    with pytest.raises(ClientError, match=message) as caught:
        cloud.create_job(name, "pass\n", **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_an_unknown_job_is_not_found(cloud):
    with pytest.raises(ClientError, match="Requested resource not found"):
        cloud.describe("never-created")


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


def test_a_long_output_reaches_logs_whole_and_in_order(cloud, tmp_path):
    stream = LogStream(cloud.client("logs"), "/test/long", "s", tmp_path / "long.log")
    for number in range(2500):
        stream.write_line(f"{number} " + "y" * 1000)
    stream.write_line("")
    stream.close()
    events: list[str] = []
    token: dict[str, str] = {}
    logs = cloud.client("logs")
    while True:
        page = logs.get_log_events(
            logGroupName="/test/long", logStreamName="s", startFromHead=True, **token
        )
        if not page["events"]:
            break
        events += [event["message"].split()[0] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert events == [str(number) for number in range(2500)]
    assert stream.tail(10) == "y" * 10
