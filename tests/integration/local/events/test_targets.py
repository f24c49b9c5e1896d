"""What a rule or a schedule delivers to."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from event_rules import put_event, put_rule
from moto_cloud import Cloud

from tests.patience import eventually

PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


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
