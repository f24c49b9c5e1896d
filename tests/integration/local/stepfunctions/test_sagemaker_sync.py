import json
import textwrap

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import ROLE, Cloud, job_request, running_cloud

from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from infra.local.stepfunctions.sagemaker_sync import SyncIntegrations
from tests.patience import eventually

SYNC = "arn:aws:states:::sagemaker:createTrainingJob.sync"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    seams = [TrainingJobProcesses(), SyncIntegrations()]
    state_dir = tmp_path_factory.mktemp("state")
    with running_cloud(seams, state_dir, job_grace_seconds=0.5) as running:
        yield running


def training_state(
    cloud: Cloud, name: str, program: str, *, count_retries: bool = False, **fields: object
) -> dict:
    source = cloud.put_tar(f"code/{name}.tar.gz", {"train.py": textwrap.dedent(program)})
    parameters = job_request(name, source)
    if count_retries:
        del parameters["TrainingJobName"]
        counted = "States.Format('" + name + "-{}', $$.State.RetryCount)"
        parameters["TrainingJobName.$"] = counted
        parameters["Environment"] = {"ATTEMPT.$": "States.Format('{}', $$.State.RetryCount)"}
    state = {"Type": "Task", "Resource": SYNC, "Parameters": parameters, **fields}
    return state if "Next" in state else state | {"End": True}


def start(cloud: Cloud, name: str, states: dict) -> str:
    stepfunctions = cloud.client("stepfunctions")
    definition = {"StartAt": next(iter(states)), "States": states}
    machine = stepfunctions.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE
    )
    started = stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")
    return started["executionArn"]


def ended(cloud: Cloud, arn: str) -> dict:
    stepfunctions = cloud.client("stepfunctions")
    return eventually(
        lambda: stepfunctions.describe_execution(executionArn=arn),
        lambda execution: execution["status"] != "RUNNING",
    )


def event_types(cloud: Cloud, arn: str) -> list[str]:
    history = cloud.client("stepfunctions").get_execution_history(executionArn=arn)
    return [event["type"] for event in history["events"]]


def test_the_output_is_the_described_job(cloud):
    arn = start(cloud, "one", {"Train": training_state(cloud, "sync-ok", "print('hello')")})
    execution = ended(cloud, arn)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    described = cloud.describe("sync-ok")
    assert output["TrainingJobStatus"] == "Completed"
    assert output["ModelArtifacts"] == described["ModelArtifacts"]
    assert output["HyperParameters"] == described["HyperParameters"]
    assert output["CreationTime"] == int(described["CreationTime"].timestamp() * 1000)
    assert "ResponseMetadata" not in output
    types = event_types(cloud, arn)
    assert types.index("TaskSubmitted") < types.index("TaskSucceeded")


def test_a_retry_runs_under_its_own_name_and_can_succeed(cloud):
    program = "import os, sys\nsys.exit(0 if os.environ['ATTEMPT'] == '1' else 3)\n"
    state = training_state(
        cloud,
        "again",
        program,
        count_retries=True,
        Retry=[{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2}],
    )
    execution = ended(cloud, start(cloud, "retries", {"Train": state}))
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"])["TrainingJobName"] == "again-1"
    assert cloud.describe("again-0")["TrainingJobStatus"] == "Failed"


def test_a_catch_can_read_why_the_job_failed(cloud):
    train = training_state(
        cloud,
        "caught",
        """
        import os, pathlib, sys
        base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
        (base / "output" / "failure").write_text("QualityGateError: 0.4")
        sys.exit(1)
        """,
        Catch=[{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Read"}],
        Next="Read",
    )
    read = {
        "Type": "Pass",
        "Parameters": {
            "error.$": "$.error.Error",
            "job.$": "States.StringToJson($.error.Cause)",
        },
        "End": True,
    }
    execution = ended(cloud, start(cloud, "catches", {"Train": train, "Read": read}))
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["error"] == "States.TaskFailed"
    assert output["job"]["TrainingJobStatus"] == "Failed"
    assert output["job"]["FailureReason"] == "AlgorithmError: QualityGateError: 0.4, exit code: 1"


def test_a_taken_name_fails_as_resource_in_use(cloud):
    cloud.create_job("taken", "pass\n")
    execution = ended(cloud, start(cloud, "dup", {"Train": training_state(cloud, "taken", "")}))
    assert execution["status"] == "FAILED"
    assert execution["error"] == "SageMaker.ResourceInUseException"
    assert "must be unique" in execution["cause"]
    assert "Error Code: ResourceInUse" in execution["cause"]


def test_an_invalid_request_fails_as_the_services_general_exception(cloud):
    state = training_state(cloud, "under_score", "")
    execution = ended(cloud, start(cloud, "invalid", {"Train": state}))
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    assert "Error Code: ValidationException" in execution["cause"]


def test_a_parameter_the_operation_does_not_have_is_refused(cloud):
    state = training_state(cloud, "misspelt", "")
    state["Parameters"]["StopCondition"] = {"MaxRuntimeInSeconds": 5}
    execution = ended(cloud, start(cloud, "misspelt", {"Train": state}))
    assert execution["status"] == "FAILED"
    assert "StopCondition" in execution["cause"]
    with pytest.raises(ClientError, match="not found"):
        cloud.describe("misspelt")


SLEEPS = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"


def test_stopping_the_execution_stops_the_job(cloud):
    selector = {"Uri.$": "$.ModelArtifacts.S3ModelArtifacts"}
    state = training_state(
        cloud,
        "aborted",
        SLEEPS,
        ResultSelector=selector,
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "After"}],
        Next="After",
    )
    arn = start(cloud, "aborts", {"Train": state, "After": {"Type": "Succeed"}})
    eventually(
        lambda: cloud.sagemaker.list_training_jobs(NameContains="aborted"),
        lambda listed: (
            [job["SecondaryStatus"] for job in listed["TrainingJobSummaries"]] == ["Training"]
        ),
    )
    cloud.client("stepfunctions").stop_execution(executionArn=arn, error="Enough", cause="test")
    assert cloud.finished("aborted")["TrainingJobStatus"] == "Stopped"
    execution = ended(cloud, arn)
    assert execution["status"] == "ABORTED"
    assert "TaskSucceeded" not in event_types(cloud, arn)


def test_a_state_that_times_out_stops_its_job(cloud):
    state = training_state(cloud, "late", SLEEPS, TimeoutSeconds=1)
    arn = start(cloud, "times-out", {"Train": state})
    execution = ended(cloud, arn)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")
    assert cloud.finished("late")["TrainingJobStatus"] == "Stopped"
    types = event_types(cloud, arn)
    assert "TaskTimedOut" in types
    assert "TaskSucceeded" not in types


def test_without_sync_the_state_ends_when_the_job_is_created(cloud):
    state = training_state(cloud, "no-wait", SLEEPS)
    state["Resource"] = "arn:aws:states:::sagemaker:createTrainingJob"
    execution = ended(cloud, start(cloud, "no-wait", {"Train": state}))
    output = json.loads(execution["output"])
    assert output["TrainingJobArn"].endswith(":training-job/no-wait")
    assert cloud.describe("no-wait")["TrainingJobStatus"] == "InProgress"


def test_only_training_jobs_can_be_waited_for(cloud):
    state = {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createEndpoint.sync"}
    with pytest.raises(ClientError, match="Wait and Choice"):
        start(cloud, "endpoint", {"Deploy": state | {"Parameters": {}, "End": True}})


def test_sdk_tasks_name_sagemakers_errors_as_the_service_does(cloud):
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:describeTrainingJob",
        "Parameters": {"TrainingJobName": "never"},
        "End": True,
    }
    execution = ended(cloud, start(cloud, "sdk", {"Describe": state}))
    assert execution["error"] == "SageMaker.SageMakerException"
