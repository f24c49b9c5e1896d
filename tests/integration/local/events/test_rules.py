"""Contract of the events seam: rules, their targets, and what S3 reports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.events.models import Rule
from moto_cloud import Cloud, running_cloud

from infra.local.events.rules import Events
from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.lambda_.function_processes import FunctionProcesses
from tests.patience import eventually

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), FunctionProcesses(), Events()) as running:
        yield running


def put_rule(cloud: Cloud, name: str, arn: str, pattern: Any = None, **target: Any) -> str:
    """A rule with one target; its ARN."""
    events = cloud("events")
    pattern = pattern or {"source": [name]}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": arn, **target}])
    return rule


def put_event(cloud: Cloud, source: str, detail: Any = None, **fields: Any) -> str:
    """The id of an event that was put."""
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail or {}), **fields}
    return cloud("events").put_events(Entries=[entry])["Entries"][0]["EventId"]


def test_a_queue_gets_the_whole_envelope(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("envelope")
    put_rule(cloud, "envelope", arn)
    event_id = put_event(
        cloud,
        "envelope",
        {"n": 1},
        Resources=["arn:x"],
        Time=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    )
    assert cloud.receive(url)["Body"] == {
        "version": "0",
        "id": event_id,
        "detail-type": "Test",
        "source": "envelope",
        "account": ACCOUNT_ID,
        "time": "2026-03-01T12:30:00Z",
        "region": REGION,
        "resources": ["arn:x"],
        "detail": {"n": 1},
    }


def test_a_state_machine_starts_once_per_event_under_its_own_name(cloud: Cloud) -> None:
    machine = cloud.create_state_machine("started", PASS)
    put_rule(cloud, "started", machine)
    ids = [put_event(cloud, "started", {"same": True}) for _ in range(2)]
    executions = eventually(lambda: (e := cloud.executions_of(machine)) and len(e) == 2 and e)
    assert sorted(e["name"].split("_")[0] for e in executions) == sorted(ids)
    ended = cloud.wait_for_execution(executions[0]["executionArn"])
    assert json.loads(ended["input"])["detail"] == {"same": True}


def test_a_function_is_invoked(cloud: Cloud) -> None:
    url, _ = cloud.create_queue("from-function")
    source = (
        "import boto3, json\n"
        "def handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=json.dumps(event))\n"
    )
    put_rule(cloud, "to-function", cloud.create_function("target", source))
    put_event(cloud, "to-function", {"n": 2})
    assert cloud.receive(url)["Body"]["detail"] == {"n": 2}


def test_a_topic_gets_the_event(cloud: Cloud) -> None:
    url, queue = cloud.create_queue("from-topic")
    topic = cloud("sns").create_topic(Name="topic")["TopicArn"]
    cloud("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue,
        Attributes={"RawMessageDelivery": "true"},
    )
    put_rule(cloud, "to-topic", topic)
    put_event(cloud, "to-topic", {"n": 3})
    assert cloud.receive(url)["Body"]["detail"] == {"n": 3}


def test_another_bus_gets_the_event_with_its_time_and_resources(cloud: Cloud) -> None:
    url, queue = cloud.create_queue("from-bus")
    bus = cloud("events").create_event_bus(Name="second")["EventBusArn"]
    put_rule(cloud, "to-bus", bus)
    cloud("events").put_rule(
        Name="on-bus", EventBusName="second", EventPattern='{"source": ["to-bus"]}'
    )
    cloud("events").put_targets(
        Rule="on-bus", EventBusName="second", Targets=[{"Id": "t", "Arn": queue}]
    )
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    put_event(cloud, "to-bus", {"n": 4}, Resources=["arn:y"], Time=time)
    event = cloud.receive(url)["Body"]
    assert (event["detail"], event["resources"]) == ({"n": 4}, ["arn:y"])
    assert event["time"] == "2026-01-02T03:04:05Z"


def test_moto_still_serves_a_log_group(cloud: Cloud) -> None:
    cloud("logs").create_log_group(logGroupName="/events")
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/events"
    put_rule(cloud, "to-logs", arn)
    put_event(cloud, "to-logs", {"n": 5})
    stream = cloud("logs").describe_log_streams(logGroupName="/events")["logStreams"][0]
    logged = cloud("logs").get_log_events(
        logGroupName="/events", logStreamName=stream["logStreamName"]
    )["events"]
    assert json.loads(logged[0]["message"])["detail"] == {"n": 5}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail.object"}, {"key": 'a "b".json', "size": 3}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {
                        "key": "$.detail.object.key",
                        "size": "$.detail.object.size",
                        "type": "$.detail-type",
                        "first": "$.resources[0]",
                        "absent": "$.detail.nothing",
                        "object": "$.detail.object",
                    },
                    "InputTemplate": (
                        '{"key": <key>, "size": <size>, "text": "\\"<key>\\" is <type>", '
                        '"first": <first>, "absent": <absent>, "object": <object>, '
                        '"rule": <aws.events.rule-name>, "kept": "<unknown>"}'
                    ),
                }
            },
            {
                "key": 'a "b".json',
                "size": 3,
                "text": '"a "b".json" is Test',
                "first": "arn:z",
                "absent": None,
                "object": {"key": 'a "b".json', "size": 3},
                "rule": "shaped-2",
                "kept": "<unknown>",
            },
        ),
    ],
)
def test_the_input_of_a_target_is_shaped(
    cloud: Cloud, request: pytest.FixtureRequest, target: dict[str, Any], expected: Any
) -> None:
    name = f"shaped-{['Input', 'InputPath', 'InputTransformer'].index(next(iter(target)))}"
    url, arn = cloud.create_queue(name)
    put_rule(cloud, name, arn, **target)
    put_event(cloud, name, {"object": {"key": 'a "b".json', "size": 3}}, Resources=["arn:z"])
    assert cloud.receive(url)["Body"] == expected


def test_a_rule_that_moto_cannot_serve_does_not_fail_its_sender(cloud: Cloud) -> None:
    url, queue = cloud.create_queue("beside")
    put_rule(cloud, "beside", f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:/absent")
    cloud("events").put_targets(Rule="beside", Targets=[{"Id": "q", "Arn": queue}])
    event_id = put_event(cloud, "beside")
    assert cloud.receive(url)["Body"]["id"] == event_id


def test_an_undeliverable_event_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    url, queue = cloud.create_queue("dead")
    missing = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:missing"
    rule = put_rule(cloud, "doomed", missing, DeadLetterConfig={"Arn": queue})
    put_event(cloud, "doomed", {"n": 6})
    message = cloud.receive(url)
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert message["Body"]["detail"] == {"n": 6}
    assert attributes["RULE_ARN"] == rule
    assert attributes["TARGET_ARN"] == missing
    assert attributes["ERROR_CODE"] == "StateMachineDoesNotExist"


def test_neither_a_disabled_rule_nor_one_without_a_pattern_matches(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("silent")
    put_rule(cloud, "disabled", arn, {"source": ["both"]})
    cloud("events").disable_rule(Name="disabled")
    cloud("events").put_rule(Name="scheduled", ScheduleExpression="rate(7 days)")
    cloud("events").put_targets(Rule="scheduled", Targets=[{"Id": "t", "Arn": arn}])
    heard, heard_arn = cloud.create_queue("heard")
    put_rule(cloud, "enabled", heard_arn, {"source": ["both"]})
    put_event(cloud, "both")
    cloud.receive(heard)
    assert cloud.stays_empty(url)


@pytest.mark.parametrize(
    ("pattern", "detail", "matches"),
    [
        ({"key": [{"prefix": "specs/"}]}, {"key": "specs/a"}, True),
        ({"key": [{"prefix": "specs/"}]}, {"key": "data/specs/"}, False),
        ({"key": [{"prefix": {"equals-ignore-case": "SPECS"}}]}, {"key": "specs/a"}, True),
        ({"key": [{"suffix": "/spec.yaml"}]}, {"key": "a/spec.yaml"}, True),
        ({"key": [{"suffix": "/spec.yaml"}]}, {"key": "a/spec.yaml.bak"}, False),
        ({"key": [{"anything-but": ["a", "b"]}]}, {"key": "c"}, True),
        ({"key": [{"anything-but": ["a", "b"]}]}, {"key": "a"}, False),
        ({"key": [{"anything-but": "a"}]}, {}, False),
        ({"key": [{"anything-but": {"prefix": "tmp/"}}]}, {"key": "tmp/a"}, False),
        ({"key": [{"anything-but": {"suffix": ".bak"}}]}, {"key": "a.json"}, True),
        ({"key": [{"exists": True}]}, {"key": None}, True),
        ({"key": [{"exists": True}]}, {"other": 1}, False),
        ({"key": [{"exists": False}]}, {"other": 1}, True),
        ({"size": [{"numeric": [">", 0, "<=", 10]}]}, {"size": 10}, True),
        ({"size": [{"numeric": [">", 0, "<=", 10]}]}, {"size": 0}, False),
        ({"size": [{"numeric": ["=", 3]}]}, {"size": "3"}, False),
        ({"key": [{"equals-ignore-case": "Spec"}]}, {"key": "sPEC"}, True),
        ({"key": [{"wildcard": "runs/*/spec.json"}]}, {"key": "runs/a/b/spec.json"}, True),
        ({"key": [{"wildcard": "runs/*/spec.json"}]}, {"key": "runs/spec.json"}, False),
        ({"key": [{"wildcard": "a\\*b"}]}, {"key": "a*b"}, True),
        ({"key": ["a", {"prefix": "b"}]}, {"key": "bc"}, True),
        ({"key": ["a"]}, {"key": ["b", "a"]}, True),
        ({"key": [None]}, {"key": None}, True),
        ({"flag": [True]}, {"flag": True}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 3}, False),
        ({"object": {"key": ["x"]}, "bucket": {"name": ["b"]}}, {"object": {"key": "x"}}, False),
    ],
)
def test_patterns_match_as_eventbridge_documents_them(
    pattern: dict[str, Any], detail: dict[str, Any], matches: bool
) -> None:
    rule = Rule(
        "r", ACCOUNT_ID, REGION, None, json.dumps({"detail": pattern}), *[None] * 2, "default", None
    )
    assert rule.event_pattern.matches_event({"source": "s", "detail": detail}) is matches


def reporting_bucket(cloud: Cloud, name: str, *, versioned: bool) -> str:
    """A bucket that reports to EventBridge; the URL of the queue that hears of it."""
    cloud("s3").create_bucket(Bucket=name)
    if versioned:
        cloud("s3").put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    cloud("s3").put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url, arn = cloud.create_queue(f"{name}-events")
    put_rule(cloud, name, arn, {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}})
    return url


def test_a_put_reports_the_object_that_was_created(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "created", versioned=True)
    answer = cloud("s3").put_object(Bucket="created", Key="specs/mah jong+é.json", Body=b"abc")
    event = cloud.receive(url)["Body"]
    described = event["detail"].pop("object")
    assert event["detail-type"] == "Object Created"
    assert event["source"] == "aws.s3"
    assert event["resources"] == ["arn:aws:s3:::created"]
    assert UUID.fullmatch(event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])
    assert event["detail"]["reason"] == "PutObject"
    assert re.fullmatch(r"[0-9A-F]{18}", described.pop("sequencer"))
    assert described == {
        "key": "specs/mah jong+é.json",
        "size": 3,
        "etag": answer["ETag"].strip('"'),
        "version-id": answer["VersionId"],
    }
    assert cloud.stays_empty(url)


def test_a_copy_and_a_multipart_upload_report_once_each(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "copied", versioned=False)
    s3 = cloud("s3")
    upload = s3.create_multipart_upload(Bucket="copied", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="copied", Key="big", UploadId=upload, PartNumber=1, Body=b"12345")
    s3.complete_multipart_upload(
        Bucket="copied",
        Key="big",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.copy_object(Bucket="copied", Key="copy", CopySource={"Bucket": "copied", "Key": "big"})
    details = [cloud.receive(url)["Body"]["detail"] for _ in range(2)]
    details.sort(key=lambda detail: detail["object"]["sequencer"])
    assert [(d["reason"], d["object"]["key"], d["object"]["size"]) for d in details] == [
        ("CompleteMultipartUpload", "big", 5),
        ("CopyObject", "copy", 5),
    ]
    assert all("version-id" not in d["object"] for d in details)
    assert cloud.stays_empty(url)


@pytest.mark.parametrize("batch", [True, False])
def test_a_deletion_reports_its_kind(cloud: Cloud, batch: bool) -> None:
    name = f"deleted-{batch}".lower()
    url = reporting_bucket(cloud, name, versioned=True)
    s3 = cloud("s3")
    version = s3.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    cloud.receive(url)
    kinds = []
    for target in ({}, {"VersionId": version}):
        if batch:
            s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "k", **target}]})
        else:
            s3.delete_object(Bucket=name, Key="k", **target)
        event = cloud.receive(url)["Body"]
        assert event["detail-type"] == "Object Deleted"
        assert event["detail"]["reason"] == "DeleteObject"
        kinds.append((event["detail"]["deletion-type"], event["detail"]["object"]["version-id"]))
    assert kinds[0][0] == "Delete Marker Created"
    assert kinds[0][1] != version
    assert kinds[1] == ("Permanently Deleted", version)


def test_a_deletion_in_an_unversioned_bucket_is_permanent(cloud: Cloud) -> None:
    url = reporting_bucket(cloud, "plain", versioned=False)
    cloud("s3").put_object(Bucket="plain", Key="k", Body=b"x")
    cloud.receive(url)
    cloud("s3").delete_object(Bucket="plain", Key="k")
    detail = cloud.receive(url)["Body"]["detail"]
    assert detail["deletion-type"] == "Permanently Deleted"
    assert "version-id" not in detail["object"]


def test_a_bucket_that_was_not_asked_reports_nothing(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="quiet")
    quiet, arn = cloud.create_queue("quiet")
    put_rule(cloud, "quiet", arn, {"detail": {"bucket": {"name": ["quiet"]}}})
    url = reporting_bucket(cloud, "loud", versioned=False)
    for bucket in ("quiet", "loud"):
        cloud("s3").put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=b")
    cloud.receive(url)
    assert cloud.stays_empty(quiet)
    assert cloud.stays_empty(url)
