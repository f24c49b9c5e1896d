"""Alarms, dashboards, log groups and parameters, as a template describes them."""

from __future__ import annotations

import json
from typing import Any

from moto_cloud import Cloud
from stacks import Stack, arn, ref


def test_an_alarm_a_dashboard_a_log_group_and_a_parameter(cloud: Cloud, stack: Stack) -> None:
    alarm: dict[str, Any] = {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "ExecutionsFailed",
        "Namespace": "AWS/States",
        "Period": 300,
        "Statistic": "Sum",
        "Threshold": 1,
        "AlarmActions": [ref("News")],
        "TreatMissingData": "notBreaching",
    }
    resources: dict[str, Any] = {
        "News": {"Type": "AWS::SNS::Topic"},
        "Failed": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
        "Board": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "board", "DashboardBody": '{"widgets": []}'},
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Home": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/home", "Type": "String", "Value": ref("News")},
        },
    }
    made = stack.create(
        resources, Alarm=ref("Failed"), AlarmArn=arn("Failed"), Logs=ref("Logs"), News=ref("News")
    )
    cloudwatch = cloud("cloudwatch")
    described = cloudwatch.describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"][0]
    assert described["AlarmActions"] == [made["News"]]
    assert (described["AlarmArn"], described["Threshold"]) == (made["AlarmArn"], 1.0)
    assert json.loads(cloudwatch.get_dashboard(DashboardName="board")["DashboardBody"])
    group = cloud("logs").describe_log_groups(logGroupNamePrefix=made["Logs"])["logGroups"][0]
    assert group["retentionInDays"] == 30
    assert cloud("ssm").get_parameter(Name="/home")["Parameter"]["Value"] == made["News"]

    alarm["Threshold"] = 5
    resources["Home"]["Properties"]["Value"] = "moved"
    del resources["Board"]
    stack.update(resources)
    described = cloudwatch.describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"][0]
    assert described["Threshold"] == 5.0
    assert cloud("ssm").get_parameter(Name="/home")["Parameter"]["Value"] == "moved"
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    stack.delete()
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
