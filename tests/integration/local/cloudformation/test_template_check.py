"""What the check refuses, where it says it is, and what it lets through."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from assembly import ROLE, function, template

from infra.local.cloudformation.template_check import UnsupportedTemplateError, check_template
from infra.local.stepfunctions.definition_check import check_definition

PASS: dict[str, Any] = {"Type": "Pass", "End": True}


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True} | fields


def mapped(processor_state: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": "In", "States": {"In": processor_state}}
    return {"Type": "Map", "ItemProcessor": processor, "End": True} | fields


def findings(state: Mapping[str, Any], **machine: Any) -> dict[str, str]:
    """Problems by path of a machine `Flow` whose one state is `A`."""
    definition = {"StartAt": "A", "States": {"A": state}} | machine
    try:
        check_definition("Flow", json.dumps(definition))
    except UnsupportedTemplateError as error:
        return {finding.path: finding.problem for finding in error.findings}
    return {}


def distributed(
    processor_state: Mapping[str, Any], kind: str = "STANDARD", **fields: Any
) -> dict[str, Any]:
    state = mapped(processor_state, ToleratedFailurePercentage=100, **fields)
    config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    return state | {"ItemProcessor": state["ItemProcessor"] | {"ProcessorConfig": config}}


READER = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"}}
LISTING = {"Resource": "arn:aws:states:::s3:listObjectsV2"}


@pytest.mark.parametrize(
    ("state", "path", "problem"),
    [
        (PASS | {"QueryLanguage": "JSONata"}, "Flow.States.A", "JSONata"),
        (mapped(PASS, ResultWriter={}), "Flow.States.A.ResultWriter", "ResultWriter"),
        (PASS | {"Assign": {"v": 1}}, "Flow.States.A.Assign", "variables"),
        (mapped(PASS, ItemBatcher={}), "Flow.States.A.ItemBatcher", "ItemBatcher"),
        (mapped(PASS, ItemReader=READER), "Flow.States.A.ItemReader", "JSONL"),
        (mapped(PASS, ItemReader=LISTING), "Flow.States.A.ItemReader", "listing a bucket"),
        (distributed(PASS, "EXPRESS"), "Flow.States.A.ItemProcessor", "as STANDARD here"),
        (
            distributed(PASS) | {"ToleratedFailurePercentage": 0},
            "Flow.States.A",
            "ToleratedFailurePercentage to 100",
        ),
        (
            distributed(PASS, ToleratedFailureCount=1),
            "Flow.States.A",
            "ToleratedFailurePercentage to 100",
        ),
        (
            distributed(PASS | {"Parameters": {"x.$": "$$.Execution.Id"}}),
            "Flow.States.A.ItemProcessor.States.In.Parameters.x.$",
            "is the parent's here",
        ),
        (
            mapped(task("bedrock:invokeModel")),
            "Flow.States.A.ItemProcessor.States.In",
            "no Bedrock here",
        ),
        (task("aws-sdk:bedrockruntime:converse"), "Flow.States.A", "no Bedrock here"),
        (task("sagemaker:createProcessingJob.sync"), "Flow.States.A", "createTrainingJob.sync"),
        (task("batch:submitJob.sync"), "Flow.States.A", "integration batch is not supported"),
        (task("dynamodb:query"), "Flow.States.A", "dynamodb:query is not supported"),
        (
            PASS | {"Parameters": {"x.$": "$.items[?(@.ok==true)][0]"}},
            "Flow.States.A.Parameters.x.$",
            "indexes the result",
        ),
        (
            PASS | {"Parameters": {"x.$": "States.Format('{}', $.items[*].y[0])"}},
            "Flow.States.A.Parameters.x.$",
            "indexes the result",
        ),
        (
            {
                "Type": "Parallel",
                "End": True,
                "Branches": [
                    {"StartAt": "B", "States": {"B": PASS}},
                    {"StartAt": "C", "States": {"C": task("glue:startJobRun.sync")}},
                ],
            },
            "Flow.States.A.Branches[1].States.C",
            "integration glue",
        ),
    ],
)
def test_what_would_go_wrong_is_found_where_it_is(
    state: Mapping[str, Any], path: str, problem: str
) -> None:
    found = findings(state)
    assert list(found) == [path]
    assert problem in found[path]


@pytest.mark.parametrize(
    "state",
    [
        PASS | {"Parameters": {"x.$": "$[0].x", "y.$": "$.a[0].b[1]", "z.$": "$.a[-1]"}},
        PASS | {"Parameters": {"x.$": "$.items[*].x", "y.$": "$.items[?(@.a[0]==1)].x"}},
        PASS | {"Parameters": {"x.$": "States.Format('[0]*.{}[1]', $.name)"}},
        PASS | {"Parameters": {"x.$": "States.ArrayGetItem($.items[?(@.ok==true)], 0)"}},
        PASS | {"Parameters": {"x.$": "$['a*b'][0]", "t": "$.items[*][0] is only text"}},
        task("lambda:invoke.waitForTaskToken", Parameters={"Payload": {"t.$": "$$.Task.Token"}}),
        task("sagemaker:createTrainingJob.sync"),
        task("aws-sdk:sagemaker:describeEndpoint"),
        task("states:startExecution.sync:2"),
        distributed(PASS, ItemReader=READER | {"ReaderConfig": {"InputType": "JSON"}}),
        distributed(
            PASS | {"Parameters": {"x.$": "$$.Map.Item.Value"}}, MaxConcurrencyPath="$.at_once"
        ),
    ],
)
def test_what_runs_here_as_on_aws_is_let_through(state: Mapping[str, Any]) -> None:
    assert findings(state) == {}


def test_jsonata_for_the_whole_machine_is_refused() -> None:
    assert findings(PASS, QueryLanguage="JSONata") == {
        "Flow": "JSONata is not supported; use JSONPath"
    }


def test_every_finding_of_a_template_is_in_one_error() -> None:
    parts = [
        '{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Resource":"arn:',
        {"Ref": "AWS::Partition"},
        ':states:::bedrock:invokeModel","Parameters":{"Fn":"',
        {"Fn::GetAtt": ["Work", "Arn"]},
        '"}}}}',
    ]
    content = template(
        {
            "Role": ROLE,
            "Work": function("abc", PackageType="Image"),
            "Pipe": {"Type": "AWS::Pipes::Pipe"},
            "Fast": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineType": "EXPRESS",
                    "DefinitionString": {"Fn::Join": ["", parts]},
                },
            },
        }
    )
    with pytest.raises(UnsupportedTemplateError) as raised:
        check_template(content)
    message = str(raised.value)
    assert "(4 findings)" in message
    for expected in (
        "Work: an image function needs Docker",
        "Pipe: resource type AWS::Pipes::Pipe is not supported",
        "Fast: express workflows are not supported",
        "Fast.States.A: there is no Bedrock here",
    ):
        assert expected in message


def test_a_task_that_is_a_function_by_its_arn_is_let_through() -> None:
    parts = [
        '{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Resource":"',
        {"Fn::GetAtt": ["Work", "Arn"]},
        '"}}}',
    ]
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": {"Fn::Join": ["", parts]}},
    }
    check_template(template({"Role": ROLE, "Work": function("abc"), "Flow": machine}))
