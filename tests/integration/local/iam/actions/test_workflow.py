"""Step Functions, Lambda, Application Auto Scaling and CloudFormation."""

from __future__ import annotations

from api_requests import needed, required

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:stratos"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:stratos:e"


def test_a_machine_is_started_and_its_execution_read() -> None:
    assert needed("stepfunctions", "StartExecution", stateMachineArn=MACHINE) == [
        ("states:StartExecution", "stateMachine:stratos")
    ]
    assert needed("stepfunctions", "GetExecutionHistory", executionArn=EXECUTION) == [
        ("states:GetExecutionHistory", "execution:stratos:e")
    ]


def test_a_token_that_nobody_waits_for_is_of_no_machine() -> None:
    assert needed("stepfunctions", "SendTaskSuccess", taskToken="t") == [
        ("states:SendTaskSuccess", "stateMachine:*")
    ]


def test_invoking_a_version_needs_the_version() -> None:
    assert needed("lambda", "Invoke", FunctionName="f") == [("lambda:InvokeFunction", "function:f")]
    assert needed("lambda", "Invoke", FunctionName="f", Qualifier="3") == [
        ("lambda:InvokeFunction", "function:f:3")
    ]


def test_what_scales_an_endpoint_must_be_allowed_to_change_it() -> None:
    found = required(
        "application-autoscaling",
        "RegisterScalableTarget",
        ResourceId="endpoint/e/variant/v",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )
    assert [one.action for one in found] == [
        "application-autoscaling:RegisterScalableTarget",
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "iam:CreateServiceLinkedRole",
    ]
    assert found[1].resource.endswith(":endpoint/e")
    assert found[3].context == {
        "iam:AWSServiceName": ("sagemaker.application-autoscaling.amazonaws.com",)
    }


def test_target_tracking_keeps_alarms_of_its_own() -> None:
    policy = {"ResourceId": "endpoint/e/variant/v", "PolicyType": "TargetTrackingScaling"}
    assert needed("application-autoscaling", "PutScalingPolicy", **policy)[1:] == [
        ("cloudwatch:PutMetricAlarm", "alarm:TargetTracking-endpoint/e/variant/v-*"),
        ("cloudwatch:DescribeAlarms", "alarm:TargetTracking-endpoint/e/variant/v-*"),
    ]


def test_a_stack_is_known_by_its_name() -> None:
    assert needed("cloudformation", "DescribeStacks", StackName="Stratos") == [
        ("cloudformation:DescribeStacks", "stack/Stratos/*")
    ]
