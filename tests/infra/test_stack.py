"""What is stored is safe, what happens is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambdas.serving import leftovers
from stratos.contracts.bucket import ASYNC_DAYS, RunKeys, async_folder
from stratos.pipeline.summary import REJECTED_RUNS
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS

DOCS = Path(__file__).parents[2] / "docs"


def only(template: dict[str, Any], type_: str) -> dict[str, Any]:
    (found,) = (r for r in template["Resources"].values() if r["Type"] == type_)
    return found


def of_type(template: dict[str, Any], type_: str) -> dict[str, Any]:
    return {k: r["Properties"] for k, r in template["Resources"].items() if r["Type"] == type_}


def function(template: dict[str, Any], name: str) -> dict[str, Any]:
    functions = of_type(template, "AWS::Lambda::Function").values()
    (found,) = (f for f in functions if f["FunctionName"] == name)
    return found


def test_the_bucket_is_versioned_encrypted_closed_and_tells_eventbridge(template):
    bucket = only(template, "AWS::S3::Bucket")
    properties = bucket["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    assert bucket["DeletionPolicy"] == "Retain"


def test_what_a_queue_was_asked_and_answered_goes_after_the_documented_days(template):
    rules = only(template, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (r for r in rules if async_folder("tiles").startswith(r["Prefix"]))
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", ASYNC_DAYS)
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    for page in ("operations", "hosting"):
        text = (DOCS / f"{page}.md").read_text()
        assert f"after {ASYNC_DAYS} days" in text


@pytest.mark.parametrize(
    "policy", ["AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"]
)
def test_plain_http_is_refused(template, policy):
    document = only(template, policy)["Properties"]["PolicyDocument"]
    denied = [s for s in document["Statement"] if s["Effect"] == "Deny"]
    assert any(s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for s in denied)


def test_the_key_rotates_and_stays(template):
    key = only(template, "AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"


def test_runs_are_found_by_id_by_execution_and_by_spec(template):
    table = only(template, "AWS::DynamoDB::Table")["Properties"]
    keys = {"": table["KeySchema"]} | {
        index["IndexName"]: index["KeySchema"] for index in table["GlobalSecondaryIndexes"]
    }
    named = {name: [key["AttributeName"] for key in schema] for name, schema in keys.items()}
    assert named == {
        "": ["run_id"],
        "by_execution": ["execution_arn"],
        "by_spec": ["spec_key", "started_at"],
    }
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


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


def test_an_event_that_clean_up_could_not_handle_is_kept(template):
    clean_up = function(template, "stratos-clean-up")
    queue = next(iter(of_type(template, "AWS::SQS::Queue")))
    assert clean_up["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": [queue, "Arn"]}}
    (configuration,) = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    assert "CleanUp" in configuration["FunctionName"]["Ref"]


def test_clean_up_waits_for_less_time_than_it_has(template):
    margin_seconds = 60
    timeout = function(template, "stratos-clean-up")["Timeout"]
    assert leftovers.PATIENCE_SECONDS + margin_seconds <= timeout


def test_measuring_ends_before_its_function_does(template):
    slowest_reply_seconds = 65
    timeout = function(template, "stratos-measure-endpoint")["Timeout"]
    assert LONGEST_MEASURE_SECONDS + slowest_reply_seconds <= timeout


def test_schedules_may_rerun_and_expire_and_nothing_else(template):
    role_id, role = next(
        (k, r) for k, r in of_type(template, "AWS::IAM::Role").items() if "SchedulesRole" in k
    )
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert {"aws:SourceAccount", "aws:SourceArn"} == set(trust["Condition"]["StringEquals"])
    allowed = [
        action
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if {"Ref": role_id} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    ]
    assert set(allowed) == {
        "application-autoscaling:DeregisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "lambda:InvokeFunction",
        "sagemaker:DeleteEndpoint",
        "states:StartExecution",
    }


def test_the_machine_logs_without_data_traces_and_ends_in_days(template, definition):
    machine = only(template, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert definition["TimeoutSeconds"] == 10 * 24 * 3600


def test_the_sweeper_is_called_every_hour_and_a_failing_one_is_noticed(template):
    rule = next(r for k, r in of_type(template, "AWS::Events::Rule").items() if "Sweeping" in k)
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    (target,) = rule["Targets"]
    assert "Sweep" in target["Arn"]["Fn::GetAtt"][0]
    assert target["Input"] == '{"dry_run":false}'
    assert "DeadLetterConfig" in target
    assert any("SweepErrors" in name for name in of_type(template, "AWS::CloudWatch::Alarm"))


def test_checkpoints_and_queues_expire_and_nothing_else_does(template):
    rules = only(template, "AWS::S3::Bucket")["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}
    assert expiring == {"checkpoints/": 14, "async/": ASYNC_DAYS}
    assert RunKeys("r").checkpoints("distill-a0").startswith("checkpoints/r/")


def test_whoever_may_approve_may_do_no_more(template):
    (policy,) = of_type(template, "AWS::IAM::ManagedPolicy").values()
    allowed = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in actions if isinstance(actions, list) else [actions]:
            allowed[action] = statement["Resource"]
    assert set(allowed) == {
        "states:SendTaskSuccess",
        "states:SendTaskFailure",
        "dynamodb:GetItem",
        "dynamodb:Scan",
        "kms:Decrypt",
        "cloudformation:DescribeStacks",
    }
    assert "*" not in allowed.values()
    assert "stateMachine:stratos" in str(allowed["states:SendTaskSuccess"])
    assert not {"Roles", "Users", "Groups"} & set(policy)


def test_every_alarm_reaches_the_topic_and_a_refused_spec_raises_none(template):
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    topic = next(iter(of_type(template, "AWS::SNS::Topic")))
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms.values())
    (failed,) = (alarm for name, alarm in alarms.items() if "RunsFailed" in name)
    expression = next(m["Expression"] for m in failed["Metrics"] if "Expression" in m)
    assert expression == "FILL(failed, 0) + FILL(timed_out, 0) - FILL(rejected, 0)"
    metrics = {m["Id"]: m["MetricStat"]["Metric"] for m in failed["Metrics"] if "MetricStat" in m}
    rejected = metrics["rejected"]
    assert (rejected["Namespace"], rejected["MetricName"]) == ("Stratos", REJECTED_RUNS)
    report = function(template, "stratos-report")["Environment"]["Variables"]
    assert report["POWERTOOLS_METRICS_NAMESPACE"] == rejected["Namespace"]
    service = report["POWERTOOLS_SERVICE_NAME"]
    assert rejected["Dimensions"] == [{"Name": "service", "Value": service}]
    assert any("EventsLost" in name for name in alarms)
    assert any("CleanUpErrors" in name for name in alarms)


def test_outputs_are_the_ones_the_tools_look_for(template):
    assert {"Bucket", "RunsTable", "StateMachineArn", "TopicArn", "ScheduleGroup"} <= set(
        template["Outputs"]
    )


def test_the_key_of_the_log_groups_lets_cloudwatch_logs_use_it(template):
    encrypted = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and "KmsKeyId" in resource["Properties"]
    ]
    assert encrypted
    (key,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::KMS::Key")
    statements = key["Properties"]["KeyPolicy"]["Statement"]
    assert any("logs." in str(s["Principal"]) and "Condition" in s for s in statements)
