"""SNS, SQS, EventBridge and Scheduler."""

from __future__ import annotations

from api_requests import needed, required

ROLE = "arn:aws:iam::123456789012:role/Schedules"


def test_a_queue_is_known_by_its_url() -> None:
    url = "http://127.0.0.1:5000/123456789012/letters"
    assert needed("sqs", "SendMessage", QueueUrl=url) == [("sqs:SendMessage", "letters")]


def test_a_schedule_is_in_a_group_and_hands_its_role_to_scheduler() -> None:
    target = {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "RoleArn": ROLE}
    found = required(
        "scheduler", "CreateSchedule", Name="nightly", GroupName="stratos", Target=target
    )
    made, passed = found
    assert made.resource.endswith(":schedule/stratos/nightly")
    assert passed.context == {"iam:PassedToService": ("scheduler.amazonaws.com",)}


def test_a_schedule_s_group_is_named_otherwise_where_it_is_read() -> None:
    assert needed("scheduler", "GetSchedule", Name="nightly", groupName="stratos") == [
        ("scheduler:GetSchedule", "schedule/stratos/nightly")
    ]


def test_each_event_needs_its_bus() -> None:
    entries = [{"Source": "a", "DetailType": "b"}, {"EventBusName": "own"}]
    found = required("events", "PutEvents", Entries=entries)
    assert [one.resource.rpartition(":")[2] for one in found] == [
        "event-bus/default",
        "event-bus/own",
    ]
    assert found[0].context == {"events:source": ("a",), "events:detail-type": ("b",)}


def test_a_rule_s_targets_are_given_their_roles() -> None:
    assert needed("events", "PutTargets", Rule="r", Targets=[{"RoleArn": ROLE}]) == [
        ("events:PutTargets", "rule/r"),
        ("iam:PassRole", "role/Schedules"),
    ]
