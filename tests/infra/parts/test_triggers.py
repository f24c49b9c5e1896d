"""What starts a run, and what notices that one ended badly."""

from __future__ import annotations

import pytest

from tests.infra.resources import function, of_type


def test_a_spec_starts_the_state_machine_and_a_lost_event_is_kept(template):
    rule = next(r for k, r in of_type(template, "AWS::Events::Rule").items() if "SpecDropped" in k)
    assert rule["EventPattern"]["source"] == ["aws.s3"]
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    assert rule["EventPattern"]["detail"]["object"]["key"] == [{"wildcard": "specs/*/spec.yaml"}]
    assert "Ref" in rule["EventPattern"]["detail"]["bucket"]["name"][0]
    (target,) = rule["Targets"]
    assert "StateMachine" in target["Arn"]["Ref"]
    assert {"DeadLetterConfig", "RetryPolicy"} <= set(target)
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_a_run_that_ends_badly_is_cleaned_up_after(template):
    rule = next(
        r for k, r in of_type(template, "AWS::Events::Rule").items() if "ExecutionEnded" in k
    )
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    assert "StateMachine" in rule["EventPattern"]["detail"]["stateMachineArn"][0]["Ref"]
    (target,) = rule["Targets"]
    assert "CleanUp" in target["Arn"]["Fn::GetAtt"][0]
    assert target["InputTransformer"] == {
        "InputPathsMap": {"detail": "$.detail"},
        "InputTemplate": '{"event":{"detail":<detail>}}',
    }
    assert {"DeadLetterConfig", "RetryPolicy"} <= set(target)


@pytest.mark.parametrize(
    ("id_", "name"),
    [("CleanUp", "stratos-clean-up"), ("TellWebhooks", "stratos-tell-webhooks")],
)
def test_an_event_that_a_function_could_not_handle_is_kept(template, id_, name):
    queue = next(iter(of_type(template, "AWS::SQS::Queue")))
    kept = {"TargetArn": {"Fn::GetAtt": [queue, "Arn"]}}
    assert function(template, name)["DeadLetterConfig"] == kept
    configurations = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    (one,) = (each for each in configurations if id_ in each["FunctionName"]["Ref"])
    assert one["MaximumRetryAttempts"] == 2
