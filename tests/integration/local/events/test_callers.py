"""As whom rules and schedules call their targets, and what becomes of those who may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from event_rules import put_event, put_rule
from judged_cloud import ACCOUNT, allow, document, grant, judged_cloud, make_role
from moto_cloud import Cloud

from infra.local.events.callers import schedule_caller
from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.iam.authority import AccessDeniedError
from infra.local.iam.sessions import Session

RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with judged_cloud(tmp_path_factory.mktemp("cloud"), Rules(), Deliveries()) as running:
        yield running


def admit(cloud: Cloud, queue: str, rule: str) -> tuple[str, str]:
    """A queue that takes messages of one rule only; its URL and ARN."""
    url, arn = cloud.create_queue(queue)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"{RULE}{rule}"}},
    }
    cloud("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(statement)})
    return url, arn


def test_a_queue_takes_the_events_of_the_rule_that_its_policy_names(judged: Cloud) -> None:
    url, arn = admit(judged, "named", "named")
    put_rule(judged, "named", arn)
    put_event(judged, "named", {"n": 1})
    assert judged.receive(url)["Body"]["detail"] == {"n": 1}


def test_an_event_that_a_queue_does_not_admit_goes_to_the_dead_letters(judged: Cloud) -> None:
    letters, dead = admit(judged, "letters", "other")
    _, closed = judged.create_queue("closed")
    put_rule(judged, "other", closed, DeadLetterConfig={"Arn": dead})
    put_event(judged, "other", {"n": 2})
    found = judged.receive(letters)
    assert found["Body"]["detail"] == {"n": 2}
    refused = found["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert "because no resource-based policy allows the sqs:SendMessage action" in refused


def test_a_target_with_a_role_is_called_as_that_role(judged: Cloud) -> None:
    url, arn = judged.create_queue("by-role")
    role = make_role(judged, "caller", "events", allow("sqs:SendMessage", arn))
    put_rule(judged, "by-role", arn, RoleArn=role)
    put_event(judged, "by-role", {"n": 3})
    assert judged.receive(url)["Body"]["detail"] == {"n": 3}
    grant(judged, "caller", allow("sqs:SendMessage", f"{arn}-of-others"))
    put_event(judged, "by-role", {"n": 4})
    assert judged.stays_empty(url)


def test_a_schedule_takes_on_its_role_for_its_group(judged: Cloud) -> None:
    group = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/stratos"
    only: dict[str, Any] = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}
    role = make_role(judged, "schedules", "scheduler", StringEquals=only)
    schedule = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/stratos/nightly"
    caller = schedule_caller(schedule, {"RoleArn": role})
    assert Session.of_credentials(caller.access_key, caller.token) == Session.of_role(
        role, "nightly", "us-east-1"
    )
    with pytest.raises(AccessDeniedError):
        schedule_caller(schedule.replace("/stratos/", "/others/"), {"RoleArn": role})
