"""Rules: which events they take, and what becomes of those they cannot deliver."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from event_rules import put_event, put_rule
from moto.events.models import Rule
from moto_cloud import Cloud

from infra.local.host.settings import ACCOUNT_ID, REGION


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
