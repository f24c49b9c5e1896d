"""The Amazon States Language as this cloud reads it: paths, choices, data and time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from moto_cloud import Cloud
from state_machines import PASS, invoke


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
