"""Contract of the Step Functions seam: real executions of small definitions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.backend.execution import Execution
from moto_cloud import Cloud, running_cloud

from infra.local.events.rules import Events
from infra.local.host.settings import LocalSettings
from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.sagemaker.scalable_targets import ScalableTargets
from infra.local.stepfunctions.executions import StepFunctions
from stratos.hosting.scaling import scalable_target
from tests.patience import eventually

HANDLER = """
import json, os, time

class OutOfCapacityError(Exception):
    pass

def handler(event, context):
    if event.get("sleep_seconds"):
        time.sleep(event["sleep_seconds"])
    if event.get("attempt", 99) < event.get("fail_until", 0):
        raise OutOfCapacityError(f"attempt {event['attempt']}")
    if event.get("token"):
        import boto3
        states = boto3.client("stepfunctions")
        if event["answer"] == "success":
            states.send_task_success(taskToken=event["token"], output=json.dumps({"n": 7}))
        else:
            states.send_task_failure(taskToken=event["token"], error="Broke", cause="because")
    return {"echo": event}
"""

PASS: dict[str, Any] = {"Type": "Pass", "End": True}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (StepFunctions(), FunctionProcesses(), Events(), ScalableTargets())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        running.create_function("work", HANDLER)
        yield running


@pytest.fixture
def run(cloud: Cloud) -> Any:
    """Run a definition once and give the output, or the description where it failed."""

    def run_once(states: Mapping[str, Any], document: Any = None, **options: Any) -> Any:
        definition = {"StartAt": next(iter(states)), "States": states} | options
        arn = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
        result = cloud.execute(arn, {} if document is None else document)
        return json.loads(result["output"]) if result["status"] == "SUCCEEDED" else result

    return run_once


def history_of(cloud: Cloud, execution_arn: str) -> set[str]:
    """The types of an execution's events so far."""
    history = cloud("stepfunctions").get_execution_history(executionArn=execution_arn)
    return {event["type"] for event in history["events"]}


def invoke(payload: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "work", "Payload": payload},
        "ResultSelector": {"result.$": "$.Payload.echo"},
        "End": True,
    } | fields


@pytest.mark.parametrize(
    ("path", "document", "expected"),
    [
        ("$[0].x", [{"x": 1}, {"x": 2}], 1),
        ("$[1]", ["a", "b"], "b"),
        ("$.items[0].x", {"items": [{"x": {"y": [3]}}]}, {"y": [3]}),
        ("$.items[-1]", {"items": [1, 2, 3]}, 3),
        ("$['odd.name'][0]", {"odd.name": [4]}, 4),
        ("$.items[0].list", {"items": [{"list": [5]}]}, [5]),
        ("$.items[*].x", {"items": [{"x": 1}]}, [1]),
        ("$.items[*].x", {"items": []}, []),
        ("$.items[?(@.ok==true)].x", {"items": [{"x": 1, "ok": True}, {"x": 2}]}, [1]),
        ("$.items[?(@.ok==true)]", {"items": [{"x": 2, "ok": False}]}, []),
        ("$.items[0:2]", {"items": [1, 2, 3]}, [1, 2]),
        ("$..x", {"a": {"x": 1}}, [1]),
    ],
)
def test_a_path_gives_one_value_unless_it_could_match_several(
    run: Any, path: str, document: Any, expected: Any
) -> None:
    assert run({"A": PASS | {"Parameters": {"value.$": path}}}, document) == {"value": expected}


def test_a_missing_path_fails_the_execution_with_a_runtime_error(run: Any) -> None:
    result = run({"A": PASS | {"Parameters": {"value.$": "$.absent"}}})
    assert (result["status"], result["error"]) == ("FAILED", "States.Runtime")


def test_intrinsic_functions_and_the_context_object(run: Any) -> None:
    parameters = {
        "format.$": "States.Format('{}/{}-{}', $.name, $$.Execution.Name, $.n)",
        "length.$": "States.ArrayLength($.items)",
        "merge.$": "States.JsonMerge($.a, $.b, false)",
        "parsed.$": "States.StringToJson($.text)",
        "text.$": "States.JsonToString($.a)",
        "first.$": "States.ArrayGetItem($.items, 0)",
        "contains.$": "States.ArrayContains($.items, 'y')",
        "sum.$": "States.MathAdd($.n, 1)",
        "hash.$": "States.Hash($.name, 'SHA-256')",
        "split.$": "States.StringSplit('a,b', ',')",
        "id.$": "$$.Execution.Id",
        "started.$": "$$.Execution.StartTime",
        "input.$": "$$.Execution.Input.name",
        "machine.$": "$$.StateMachine.Name",
        "state.$": "$$.State.Name",
        "entered.$": "$$.State.EnteredTime",
    }
    document = {
        "name": "run",
        "n": 2,
        "items": ["x", "y"],
        "a": {"k": 1},
        "b": {"k": 2, "l": 3},
        "text": '{"z": [1]}',
    }
    output = run({"Facts": PASS | {"Parameters": parameters}}, document)
    name = output["id"].rsplit(":", 1)[1]
    assert output["format"] == f"run/{name}-2"
    assert (output["length"], output["sum"], output["first"]) == (2, 3, "x")
    assert output["merge"] == {"k": 2, "l": 3}
    assert output["parsed"] == {"z": [1]}
    assert json.loads(output["text"]) == {"k": 1}
    assert output["contains"] is True
    assert output["split"] == ["a", "b"]
    assert output["input"] == "run"
    assert output["state"] == "Facts"
    assert len(output["hash"]) == 64
    assert datetime.fromisoformat(output["started"]) <= datetime.fromisoformat(output["entered"])


def test_choice_compares_and_falls_to_its_default(run: Any) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {
                "And": [
                    {"Variable": "$.kind", "IsPresent": True},
                    {"Variable": "$.kind", "StringEquals": "a"},
                    {"Not": {"Variable": "$.n", "NumericLessThan": 2}},
                ],
                "Next": "Yes",
            },
            {"Variable": "$.n", "NumericGreaterThanEqualsPath": "$.limit", "Next": "Yes"},
        ],
        "Default": "No",
    }
    states = {
        "Choose": choice,
        "Yes": PASS | {"Result": "yes"},
        "No": PASS | {"Result": "no"},
    }
    assert run(states, {"kind": "a", "n": 2, "limit": 9}) == "yes"
    assert run(states, {"kind": "a", "n": 1, "limit": 9}) == "no"
    assert run(states, {"n": 9, "limit": 9}) == "yes"


def test_a_choice_that_nothing_matches_is_an_error_of_its_own(run: Any) -> None:
    rule = {"Variable": "$.kind", "StringEquals": "a", "Next": "Yes"}
    result = run({"Choose": {"Type": "Choice", "Choices": [rule]}, "Yes": PASS}, {"kind": "b"})
    assert (result["status"], result["error"]) == ("FAILED", "States.NoChoiceMatched")


def test_choices_compare_times_to_the_millisecond(run: Any) -> None:
    def later_than(text: str, variable: str = "$.time") -> dict[str, Any]:
        rule = {"Variable": variable, "TimestampGreaterThan": text, "Next": "Later"}
        return {
            "Choose": {"Type": "Choice", "Choices": [rule], "Default": "Earlier"},
            "Later": PASS | {"Result": True},
            "Earlier": PASS | {"Result": False},
        }

    time = {"time": "2026-01-31T12:00:00.500Z"}
    assert run(later_than("2026-01-31T12:00:00.499Z"), time) is True
    assert run(later_than("2026-01-31T12:00:00.501Z"), time) is False
    assert run(later_than("2020-01-01T00:00:00Z", "$$.Execution.StartTime")) is True


def test_a_result_can_be_discarded_or_put_beside_the_input(run: Any) -> None:
    assert run({"A": invoke({"n": 1}, ResultPath=None)}, {"kept": 1}) == {"kept": 1}
    output = run({"A": invoke({"n": 1}, ResultPath="$.deep.er")}, {"kept": 1})
    assert output == {"kept": 1, "deep": {"er": {"result": {"n": 1}}}}


def test_a_retry_waits_counts_its_attempts_and_succeeds(run: Any) -> None:
    retry = {
        "ErrorEquals": ["OutOfCapacityError"],
        "IntervalSeconds": 1,
        "BackoffRate": 1.0,
        "MaxAttempts": 2,
    }
    payload = {"fail_until": 1, "attempt.$": "$$.State.RetryCount"}
    assert run({"A": invoke(payload, Retry=[retry])}) == {"result": {"fail_until": 1, "attempt": 1}}


def test_an_error_of_a_function_is_caught_by_its_name_with_its_message(run: Any) -> None:
    states = {
        "A": invoke(
            {"fail_until": 1, "attempt": 0},
            Catch=[
                {"ErrorEquals": ["SomethingElse"], "Next": "Wrong"},
                {"ErrorEquals": ["OutOfCapacityError"], "Next": "B", "ResultPath": "$.error"},
            ],
        ),
        "Wrong": {"Type": "Fail", "Error": "Wrong"},
        "B": PASS,
    }
    output = run(states, {"kept": 1})
    assert output["kept"] == 1
    assert output["error"]["Error"] == "OutOfCapacityError"
    assert json.loads(output["error"]["Cause"])["errorMessage"] == "attempt 0"


def test_task_failed_catches_any_error_but_a_timeout(run: Any) -> None:
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Failed"},
        {"ErrorEquals": ["States.Timeout"], "Next": "TimedOut"},
    ]
    ends = {"Failed": PASS | {"Result": "failed"}, "TimedOut": PASS | {"Result": "timed out"}}
    assert run({"A": invoke({"fail_until": 1, "attempt": 0}, Catch=catch)} | ends) == "failed"
    slow = invoke({"sleep_seconds": 5}, TimeoutSeconds=1, Catch=catch)
    assert run({"A": slow} | ends) == "timed out"


def test_an_uncaught_error_is_the_executions_error_and_cause(run: Any) -> None:
    result = run({"A": invoke({"fail_until": 1, "attempt": 0})})
    assert (result["status"], result["error"]) == ("FAILED", "OutOfCapacityError")
    assert "attempt 0" in result["cause"]
    result = run({"A": {"Type": "Fail", "Error": "Refused", "Cause": "not today"}})
    assert (result["error"], result["cause"]) == ("Refused", "not today")


def test_a_map_keeps_the_order_of_its_items(run: Any) -> None:
    processor = {"StartAt": "Work", "States": {"Work": invoke({"n.$": "$.n", "i.$": "$.i"})}}
    states = {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
            "MaxConcurrency": 2,
            "ItemProcessor": processor,
            "End": True,
        }
    }
    output = run(states, {"items": ["a", "b", "c", "d"]})
    assert output == [{"result": {"n": n, "i": i}} for i, n in enumerate("abcd")]


def test_one_failing_item_of_a_map_is_caught_inside_it(run: Any) -> None:
    work = invoke(
        {"fail_until": 1, "attempt.$": "$.attempt"},
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Dropped"}],
    )
    processor = {"StartAt": "Work", "States": {"Work": work, "Dropped": PASS | {"Result": None}}}
    states = {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}
    kept, dropped = run(states, [{"attempt": 1}, {"attempt": 0}])
    assert kept["result"]["attempt"] == 1
    assert dropped is None


def test_a_reserved_error_is_handed_on_by_a_map_and_by_a_fail_state(run: Any) -> None:
    slow = invoke({"sleep_seconds": 5}, TimeoutSeconds=1)
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Slow", "States": {"Slow": slow}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed", "ResultPath": "$.failure"}],
        "End": True,
    }
    failed = {"Type": "Fail", "ErrorPath": "$.failure.Error", "Cause": "an item was late"}
    result = run({"Each": each, "Failed": failed}, {"items": [{}]})
    assert (result["error"], result["cause"]) == ("States.Timeout", "an item was late")


@pytest.mark.parametrize("resource", ["lambda:invoke", "dynamodb:getItem", "sns:publish"])
def test_a_runtime_error_ends_the_execution_whatever_it_would_catch(
    cloud: Cloud, run: Any, resource: str
) -> None:
    bad = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": {"x.$": "$.absent"},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Never"}],
        "End": True,
    }
    processor = {"StartAt": "Bad", "States": {"Bad": bad, "Never": PASS}}
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}
    result = run({"Each": each}, {"items": [{}]})
    assert (result["status"], result["error"]) == ("FAILED", "States.Runtime")
    assert "$.absent" in result["cause"]


def test_a_runtime_error_of_a_function_state_is_not_the_functions(cloud: Cloud, run: Any) -> None:
    function = cloud("lambda").get_function(FunctionName="work")["Configuration"]["FunctionArn"]
    state = {"Type": "Task", "Resource": function, "Parameters": {"x.$": "$.no"}, "End": True}
    assert run({"A": state})["error"] == "States.Runtime"


def test_a_failing_map_is_caught_as_a_whole(run: Any) -> None:
    processor = {
        "StartAt": "Work",
        "States": {"Work": invoke({"fail_until": 1, "attempt.$": "$.attempt"})},
    }
    each = {
        "Type": "Map",
        "ItemProcessor": processor,
        "Catch": [{"ErrorEquals": ["OutOfCapacityError"], "Next": "Caught"}],
        "End": True,
    }
    output = run({"Each": each, "Caught": PASS | {"Result": "caught"}}, [{"attempt": 0}])
    assert output == "caught"


def test_a_distributed_map_reads_its_items_from_a_file(cloud: Cloud, run: Any) -> None:
    cloud("s3").create_bucket(Bucket="items")
    cloud("s3").put_object(Bucket="items", Key="items.json", Body=b'[{"n": 1}, {"n": 2}]')
    each = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "items", "Key": "items.json"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Take",
            "States": {"Take": PASS | {"OutputPath": "$.n"}},
        },
        "End": True,
    }
    assert sorted(run({"Each": each})) == [1, 2]


def test_a_parallel_gives_its_branches_in_order_and_fails_with_the_first_error(run: Any) -> None:
    def branches(*states: Mapping[str, Any]) -> dict[str, Any]:
        return {"Type": "Parallel", "End": True} | {
            "Branches": [{"StartAt": "S", "States": {"S": state}} for state in states]
        }

    assert run({"Both": branches(PASS | {"Result": 1}, PASS | {"Result": 2})}) == [1, 2]
    fail = {"Type": "Fail", "Error": "Refused"}
    result = run({"Both": branches(PASS, fail)})
    assert (result["status"], result["error"]) == ("FAILED", "Refused")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("success", {"n": 7}), ("failure", {"Error": "Broke", "Cause": "because"})],
)
def test_a_task_token_is_answered_by_the_function_that_got_it(
    run: Any, answer: str, expected: Any
) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": "work",
            "Payload": {"token.$": "$$.Task.Token", "answer": answer},
        },
        "Catch": [{"ErrorEquals": ["Broke"], "Next": "Caught"}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS}) == expected


def test_each_attempt_at_a_task_has_a_token_of_its_own(cloud: Cloud, run: Any) -> None:
    queue_url, _ = cloud.create_queue("tokens")
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue_url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "Retry": [{"ErrorEquals": ["Broke"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    states = cloud("stepfunctions")
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run, {"Ask": ask})
        first = cloud.receive(queue_url)["Body"]["token"]
        states.send_task_failure(taskToken=first, error="Broke")
        second = cloud.receive(queue_url)["Body"]["token"]
        assert second != first
        with pytest.raises(ClientError, match="TaskTimedOut"):
            states.send_task_success(taskToken=first, output='"too late"')
        states.send_task_success(taskToken=second, output='"answer"')
        assert result.result() == "answer"


def test_a_token_that_never_was_is_refused(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    for answer in (
        lambda: states.send_task_success(taskToken="made-up", output="1"),
        lambda: states.send_task_failure(taskToken="made-up"),
    ):
        with pytest.raises(ClientError, match="InvalidToken"):
            answer()


def test_the_longest_wait_for_an_answer_may_lie_in_the_data(run: Any) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
        "TimeoutSecondsPath": "$.patience",
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught", "ResultPath": None}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS}, {"patience": 1}) == {"patience": 1}


def test_a_token_that_nobody_answers_times_out(run: Any) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
        "TimeoutSeconds": 1,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS | {"Result": "caught"}}) == "caught"


def test_service_integrations_take_and_give_the_names_of_the_api(cloud: Cloud, run: Any) -> None:
    cloud("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud("s3").create_bucket(Bucket="objects")
    topic = cloud("sns").create_topic(Name="news")["TopicArn"]
    queue_url, queue_arn = cloud.create_queue("readers")
    cloud("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

    def task(resource: str, parameters: Mapping[str, Any], following: str | None) -> Any:
        return {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{resource}",
            "Parameters": parameters,
            "ResultPath": f"$.{resource.rsplit(':', 1)[1]}",
        } | ({"Next": following} if following else {"End": True})

    key = {"id": {"S.$": "$.id"}}
    update = {
        "TableName": "runs",
        "Key": key,
        "UpdateExpression": "SET #s = :s",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"S": "done"}},
    }
    output = run(
        {
            "Put": task("dynamodb:putItem", {"TableName": "runs", "Item": key}, "Update"),
            "Update": task("dynamodb:updateItem", update, "Get"),
            "Get": task("dynamodb:getItem", {"TableName": "runs", "Key": key}, "Write"),
            "Write": task(
                "aws-sdk:s3:putObject",
                {"Bucket": "objects", "Key": "k", "Body": {"deep": [1]}},
                "Read",
            ),
            "Read": task("aws-sdk:s3:getObject", {"Bucket": "objects", "Key": "k"}, "Tell"),
            "Tell": task("sns:publish", {"TopicArn": topic, "Message": {"n": 1}}, "List"),
            "List": task("aws-sdk:sfn:listStateMachines", {"MaxResults": 1}, None),
        },
        {"id": "r1"},
    )
    assert output["getItem"]["Item"] == {"id": {"S": "r1"}, "status": {"S": "done"}}
    assert json.loads(output["getObject"]["Body"]) == {"deep": [1]}
    assert output["getObject"]["LastModified"].endswith("Z")
    assert json.loads(cloud.receive(queue_url)["Body"]["Message"]) == {"n": 1}
    assert set(output["listStateMachines"]["StateMachines"][0]) >= {"StateMachineArn", "Name"}


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("aws-sdk:s3:getObject", {"Bucket": "nowhere", "Key": "k"}, "S3.NoSuchBucketException"),
        (
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": "no"},
            "SageMaker.SageMakerException",
        ),
        (
            "aws-sdk:dynamodb:getItem",
            {"TableName": "none", "Key": {"id": {"S": "x"}}},
            "DynamoDb.ResourceNotFoundException",
        ),
        (
            "aws-sdk:applicationautoscaling:deregisterScalableTarget",
            scalable_target("none", "AllTraffic"),
            "ApplicationAutoScaling.ObjectNotFoundException",
        ),
        (
            "dynamodb:getItem",
            {"TableName": "none", "Key": {"id": {"S": "x"}}},
            "DynamoDB.ResourceNotFoundException",
        ),
        ("lambda:invoke", {"FunctionName": "none"}, "Lambda.ResourceNotFoundException"),
    ],
)
def test_service_errors_have_the_names_that_step_functions_gives_them(
    run: Any, resource: str, parameters: Any, error: str
) -> None:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "End": True,
    }
    assert run({"A": state})["error"] == error


def test_a_child_execution_is_started_and_waited_for(cloud: Cloud, run: Any) -> None:
    child = cloud.create_state_machine(
        "child", {"StartAt": "A", "States": {"A": PASS | {"Parameters": {"got.$": "$.n"}}}}
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": child,
            "Name.$": "States.Format('child-of-{}', $$.Execution.Name)",
            "Input": {"n.$": "$.n"},
        },
        "OutputPath": "$.Output",
        "End": True,
    }
    assert run({"A": state}, {"n": 3}) == {"got": 3}


def test_a_name_is_taken_once_and_no_name_is_always_new(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    waiting = {"Type": "Wait", "Seconds": 60, "End": True}
    arn = cloud.create_state_machine("names", {"StartAt": "W", "States": {"W": waiting}})
    first = states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    assert again["executionArn"] == first["executionArn"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=arn, name="one", input='{"a": 2}')
    states.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    unnamed = {states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(3)}
    assert len(unnamed) == 3
    for execution in unnamed:
        states.stop_execution(executionArn=execution)


def test_of_many_starts_at_once_with_one_name_one_runs(cloud: Cloud) -> None:
    arn = cloud.create_state_machine("race", {"StartAt": "A", "States": {"A": PASS}})

    def start(n: int) -> bool:
        try:
            cloud("stepfunctions").start_execution(
                stateMachineArn=arn, name="claimed", input=json.dumps({"n": n})
            )
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1


def test_too_long_an_input_is_refused(cloud: Cloud) -> None:
    arn = cloud.create_state_machine("long", {"StartAt": "A", "States": {"A": PASS}})
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        cloud("stepfunctions").start_execution(
            stateMachineArn=arn, input=json.dumps({"x": "y" * 262_144})
        )


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "Seconds": 300, "End": True},
        invoke({"sleep_seconds": 15}),
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Never"}],
            "End": True,
        },
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "W",
                "States": {"W": {"Type": "Wait", "Seconds": 300, "End": True}},
            },
            "End": True,
        },
    ],
    ids=["wait", "task", "token", "map"],
)
def test_a_stop_interrupts_what_runs_and_nothing_runs_after_it(
    cloud: Cloud, state: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    states = cloud("stepfunctions")
    name = request.node.callspec.id
    never = {"Type": "Task", "End": True} | {
        "Resource": "arn:aws:states:::aws-sdk:s3:createBucket",
        "Parameters": {"Bucket": f"never-{name}"},
    }
    machine = {"StartAt": "Busy", "States": {"Busy": state, "Never": never}}
    machine["States"]["Busy"] = {k: v for k, v in state.items() if k != "End"} | {"Next": "Never"}
    arn = cloud.create_state_machine(f"stop-{name}", machine)
    execution = states.start_execution(stateMachineArn=arn, input='{"items": [1, 2]}')
    execution_arn = execution["executionArn"]
    started = {"TaskStarted", "WaitStateEntered", "MapStateStarted"}
    eventually(lambda: history_of(cloud, execution_arn) & started)
    states.stop_execution(executionArn=execution_arn, error="Cancelled", cause="by hand")
    description = states.describe_execution(executionArn=execution_arn)
    assert description["status"] == "ABORTED"
    assert (description["error"], description["cause"]) == ("Cancelled", "by hand")
    if name in ("wait", "token", "map"):
        eventually(lambda: "ExecutionAborted" in history_of(cloud, execution_arn))
        buckets = {bucket["Name"] for bucket in cloud("s3").list_buckets()["Buckets"]}
        assert f"never-{name}" not in buckets


def test_a_stop_before_the_first_state_prevents_it(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    create = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:createBucket",
        "Parameters": {"Bucket": "too-late"},
        "End": True,
    }
    wait = {"Type": "Wait", "Seconds": 1, "Next": "Create"}
    machine = {"StartAt": "Wait", "States": {"Wait": wait, "Create": create}}
    arn = cloud.create_state_machine("early", machine)
    executions = [states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(5)]
    for execution in executions:
        states.stop_execution(executionArn=execution)
    for execution in executions:
        assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    for execution in executions:
        eventually(lambda arn=execution: "ExecutionAborted" in history_of(cloud, arn))
    assert "too-late" not in {b["Name"] for b in cloud("s3").list_buckets()["Buckets"]}


def test_every_end_of_an_execution_is_an_event_on_the_default_bus(cloud: Cloud) -> None:
    queue_url, queue_arn = cloud.create_queue("status")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]},
    }
    cloud("events").put_rule(Name="status", EventPattern=json.dumps(pattern))
    cloud("events").put_targets(Rule="status", Targets=[{"Id": "q", "Arn": queue_arn}])
    wait = {"Type": "Wait", "Seconds": 60, "End": True}
    machines = {
        "SUCCEEDED": {"A": PASS | {"Result": "text"}},
        "FAILED": {"A": {"Type": "Fail", "Error": "Refused", "Cause": "c"}},
        "TIMED_OUT": {"A": wait},
        "ABORTED": {"A": wait},
    }
    try:
        for status, machine in machines.items():
            definition: dict[str, Any] = {"StartAt": "A", "States": machine}
            if status == "TIMED_OUT":
                definition["TimeoutSeconds"] = 1
            arn = cloud.create_state_machine(f"ends-{status}", definition)
            execution = cloud("stepfunctions").start_execution(
                stateMachineArn=arn, name="run", input='{"k": 1}'
            )["executionArn"]
            if status == "ABORTED":
                cloud("stepfunctions").stop_execution(executionArn=execution, cause="enough")
            event = cloud.receive(queue_url)["Body"]
            detail = event["detail"]
            assert detail["status"] == status
            assert (detail["executionArn"], detail["stateMachineArn"]) == (execution, arn)
            assert (detail["name"], detail["input"]) == ("run", '{"k": 1}')
            assert detail["stopDate"] >= detail["startDate"]
            assert event["resources"] == [execution]
            description = cloud("stepfunctions").describe_execution(executionArn=execution)
            assert description["status"] == status
            assert detail["output"] == ('"text"' if status == "SUCCEEDED" else None)
            assert detail["error"] == description.get("error")
    finally:
        cloud("events").remove_targets(Rule="status", Ids=["q"])
        cloud("events").delete_rule(Name="status")


def test_the_same_definition_runs_in_many_executions_at_once(cloud: Cloud) -> None:
    definition = {"StartAt": "A", "States": {"A": invoke({"n.$": "$.n"})}}
    arn = cloud.create_state_machine("many", definition)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: cloud.execute(arn, {"n": n}), range(8)))
    outputs = [json.loads(result["output"])["result"]["n"] for result in results]
    assert outputs == list(range(8))


def test_closing_gives_moto_back() -> None:
    seam = StepFunctions()
    before = Execution.stop
    seam.install(LocalSettings(port=1))
    assert Execution.stop is not before
    seam.close()
    assert Execution.stop is before


def test_a_history_comes_in_pages_and_newest_first_on_request(cloud: Cloud) -> None:
    steps = [f"S{number}" for number in range(60)]
    states = {
        name: {"Type": "Pass", "Next": following}
        for name, following in zip(steps, [*steps[1:], "End"], strict=True)
    }
    definition = {"StartAt": "S0", "States": states | {"End": PASS}}
    machine = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
    client = cloud("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    eventually(lambda: client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    sizes = [len(page["events"]) for page in pages]
    assert sizes == [100, 24]
    newest = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
    assert newest["events"][0]["type"] == "ExecutionSucceeded"
    assert newest["events"][1]["stateExitedEventDetails"]["name"] == "End"
    assert newest["nextToken"]


def test_a_stopped_execution_tells_why(cloud: Cloud) -> None:
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    machine = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
    client = cloud("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    client.stop_execution(executionArn=arn, error="Enough", cause="by hand")
    described = client.describe_execution(executionArn=arn)
    assert (described["error"], described["cause"]) == ("Enough", "by hand")
