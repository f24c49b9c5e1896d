"""What an invocation writes to CloudWatch Logs."""

from __future__ import annotations

import base64
import json

from moto_cloud import Cloud


def messages(cloud: Cloud, name: str, group: str = "") -> list[str]:
    """What the function's log group holds, in order."""
    logs = cloud("logs")
    group = group or f"/aws/lambda/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def test_output_is_logged_between_the_platforms_lines(cloud: Cloud) -> None:
    source = (
        "import logging, sys\nprint('at import')\n"
        "def handler(event, context):\n"
        "    print('to stdout')\n    print('to stderr', file=sys.stderr)\n"
        "    logging.warning('through logging')\n"
    )
    cloud.create_function("logging", source)
    tail = cloud.invoke("logging", {}, LogType="Tail")["LogResult"]
    lines = messages(cloud, "logging")
    assert lines[0] == "at import"
    assert lines[1].startswith("START RequestId: ")
    assert lines[2:4] == ["to stdout", "to stderr"]
    assert lines[4].startswith("[WARNING]")
    assert lines[4].endswith("through logging")
    assert lines[5].startswith("END RequestId: ")
    assert "Init Duration: " in lines[6]
    assert base64.b64decode(tail).decode().splitlines() == lines


def test_a_trace_is_logged_line_by_line(cloud: Cloud) -> None:
    cloud.create_function("traced", "def handler(event, context):\n    return event['absent']\n")
    cloud.invoke("traced", {})
    assert "[ERROR] KeyError: 'absent'" in messages(cloud, "traced")


def test_a_function_logs_where_and_how_its_configuration_says(cloud: Cloud) -> None:
    source = (
        "import logging\n"
        "def handler(event, context):\n"
        "    logging.getLogger().info('hello', extra={'run': 'r1'})\n"
    )
    logging = {"LogFormat": "JSON", "LogGroup": "/stratos/run", "ApplicationLogLevel": "INFO"}
    cloud.create_function("structured", source, LoggingConfig=logging)
    cloud.invoke("structured", {})
    start, line, report = (json.loads(m) for m in messages(cloud, "structured", "/stratos/run"))
    assert start["type"] == "platform.start"
    assert (line["message"], line["run"]) == ("hello", "r1")
    assert line["requestId"] == report["record"]["requestId"]
    assert report["record"]["status"] == "success"
    described = cloud("lambda").get_function_configuration(FunctionName="structured")
    assert described["LoggingConfig"] == logging
