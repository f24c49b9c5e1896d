"""CloudWatch, its logs, and X-Ray."""

from __future__ import annotations

from api_requests import needed, required


def test_each_alarm_of_a_request_is_judged() -> None:
    assert needed("cloudwatch", "DeleteAlarms", AlarmNames=["a", "b"]) == [
        ("cloudwatch:DeleteAlarms", "alarm:a"),
        ("cloudwatch:DeleteAlarms", "alarm:b"),
    ]
    assert needed("cloudwatch", "DescribeAlarms") == [("cloudwatch:DescribeAlarms", "alarm:*")]


def test_metrics_are_told_apart_by_their_namespace() -> None:
    [found] = required("cloudwatch", "PutMetricData", Namespace="/aws/sagemaker/Endpoints")
    assert found.context == {"cloudwatch:namespace": ("/aws/sagemaker/Endpoints",)}


def test_a_log_group_is_judged_as_the_stream_without_a_name() -> None:
    assert needed("logs", "FilterLogEvents", logGroupName="/aws/x") == [
        ("logs:FilterLogEvents", "log-group:/aws/x:log-stream:")
    ]
    assert needed("logs", "PutLogEvents", logGroupName="/aws/x", logStreamName="s") == [
        ("logs:PutLogEvents", "log-group:/aws/x:log-stream:s")
    ]


def test_traces_have_no_resource() -> None:
    assert needed("xray", "PutTraceSegments") == [("xray:PutTraceSegments", "*")]
