"""Errors of states: retried, caught by their name, or the end of the execution."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto_cloud import Cloud
from state_machines import PASS, invoke


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
