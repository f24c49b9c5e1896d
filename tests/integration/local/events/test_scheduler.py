"""Contract of the scheduler seam: what moto stores fires, when its time comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import ROLE, Cloud, running_cloud

from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.events.scheduler import Scheduler
from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.lambda_.function_processes import FunctionProcesses
from tests.patience import eventually

START = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)  # a Monday
PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


class HandClock:
    """A clock that moves only when a test moves it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._condition = threading.Condition()
        self._waits = 0

    def now(self) -> datetime:
        return self._now

    def wait(self, stop: threading.Event, until: datetime, at_most_seconds: float) -> bool:
        with self._condition:
            self._waits += 1
            self._condition.notify_all()
        return stop.wait(0.005)

    def advance(self, **by: float) -> None:
        """Move on, and return when the scheduler has acted on it."""
        self._now += timedelta(**by)
        self.settle()

    def advance_to(self, moment: datetime) -> None:
        assert moment > self._now, "the clock runs forwards, over all tests of this file"
        self._now = moment
        self.settle()

    def settle(self) -> None:
        """Return after a tick that began after this call."""
        with self._condition:
            enough = self._waits + 2
            assert self._condition.wait_for(lambda: self._waits >= enough, timeout=600)


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture(scope="module")
def cloud(clock: HandClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (FunctionProcesses(), Rules(), Deliveries(), Scheduler(clock))
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


@pytest.fixture
def schedules(cloud: Cloud) -> Iterator[Any]:
    """The Scheduler API, left without a schedule afterwards."""
    client = cloud("scheduler")
    yield client
    for schedule in client.list_schedules()["Schedules"]:
        client.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])


def create(schedules: Any, name: str, expression: str, arn: str, **fields: Any) -> str:
    target = {"Arn": arn, "RoleArn": ROLE, **fields.pop("target", {})}
    return schedules.create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
        **fields,
    )["ScheduleArn"]


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


STAMP = {"Input": '{"at": "<aws.scheduler.scheduled-time>"}'}


def test_a_weekly_rate_fires_at_once_and_then_every_week(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    url, arn = cloud.create_queue("weekly")
    began = clock.now()
    create(schedules, "weekly", "rate(7 days)", arn, target=STAMP)
    times = [cloud.receive(url)["Body"]["at"]]
    for _ in range(2):
        clock.advance(days=6, hours=23)
        clock.advance(hours=1)
        times.append(cloud.receive(url)["Body"]["at"])
    assert times == [text(began + timedelta(weeks=week)) for week in range(3)]
    clock.advance(days=1)
    assert cloud.stays_empty(url)


def test_a_cron_fires_by_the_clock_of_its_time_zone(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    url, arn = cloud.create_queue("cron")
    today = clock.now().date()
    create(
        schedules,
        "cron",
        "cron(30 9 * * ? *)",
        arn,
        target=STAMP,
        ScheduleExpressionTimezone="Asia/Tokyo",
    )
    clock.settle()
    assert cloud.stays_empty(url)
    clock.advance(days=1)
    assert cloud.receive(url)["Body"]["at"].endswith("T00:30:00Z")
    assert clock.now().date() == today + timedelta(days=1)


def test_a_time_that_daylight_saving_skips_does_not_fire(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    # Berlin has no 02:30 on 31 March 2030.
    clock.advance_to(datetime(2030, 3, 30, 12, 0, tzinfo=UTC))
    url, arn = cloud.create_queue("skipped")
    zoned = {"target": STAMP, "ScheduleExpressionTimezone": "Europe/Berlin"}
    create(schedules, "skipped", "cron(30 2 * * ? *)", arn, **zoned)
    clock.settle()
    clock.advance(days=1)
    assert cloud.stays_empty(url)
    clock.advance(days=1)
    assert cloud.receive(url)["Body"]["at"] == "2030-04-01T00:30:00Z"


def test_a_time_that_daylight_saving_repeats_fires_once(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    # Berlin has two 02:30 on 27 October 2030, at 00:30 and 01:30 UTC.
    clock.advance_to(datetime(2030, 10, 26, 12, 0, tzinfo=UTC))
    url, arn = cloud.create_queue("repeated")
    zoned = {"target": STAMP, "ScheduleExpressionTimezone": "Europe/Berlin"}
    create(schedules, "repeated", "cron(30 2 * * ? *)", arn, **zoned)
    clock.settle()
    clock.advance_to(datetime(2030, 10, 27, 0, 30, tzinfo=UTC))
    assert cloud.receive(url)["Body"]["at"] == "2030-10-27T00:30:00Z"
    clock.advance(hours=1)
    clock.advance(hours=1)
    assert cloud.stays_empty(url)
    clock.advance(days=1)
    assert cloud.receive(url)["Body"]["at"] == "2030-10-28T01:30:00Z"


def test_a_day_of_a_rate_has_24_hours_in_every_time_zone(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    clock.advance_to(datetime(2031, 3, 29, 12, 0, tzinfo=UTC))  # the day before Berlin's change
    url, arn = cloud.create_queue("daily")
    zoned = {"target": STAMP, "ScheduleExpressionTimezone": "Europe/Berlin"}
    create(schedules, "daily", "rate(1 days)", arn, **zoned)
    assert cloud.receive(url)["Body"]["at"] == "2031-03-29T12:00:00Z"
    clock.advance(hours=23)
    assert cloud.stays_empty(url)
    clock.advance(hours=1)
    assert cloud.receive(url)["Body"]["at"] == "2031-03-30T12:00:00Z"


def test_a_one_time_schedule_fires_once_and_deletes_itself(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    url, arn = cloud.create_queue("once")
    at = clock.now().replace(microsecond=0) + timedelta(hours=2)
    create(
        schedules,
        "once",
        f"at({at:%Y-%m-%dT%H:%M:%S})",
        arn,
        target=STAMP,
        ActionAfterCompletion="DELETE",
    )
    clock.advance(hours=1)
    assert schedules.get_schedule(Name="once")["State"] == "ENABLED"
    clock.advance(hours=1)
    assert cloud.receive(url)["Body"] == {"at": text(at)}
    with pytest.raises(ClientError, match="once does not exist"):
        schedules.get_schedule(Name="once")


def test_start_and_end_bound_a_schedule(cloud: Cloud, clock: HandClock, schedules: Any) -> None:
    url, arn = cloud.create_queue("bounded")
    start = clock.now().replace(microsecond=0) + timedelta(hours=5)
    create(
        schedules,
        "bounded",
        "rate(1 hour)",
        arn,
        target=STAMP,
        StartDate=start,
        EndDate=start + timedelta(hours=1, minutes=30),
    )
    clock.advance(hours=4)
    assert cloud.stays_empty(url)
    times = []
    for _ in range(2):
        clock.advance(hours=1)
        times.append(cloud.receive(url)["Body"]["at"])
    assert times == [text(start), text(start + timedelta(hours=1))]
    clock.advance(hours=3)
    assert cloud.stays_empty(url)


def test_disabling_updating_and_deleting_count_at_once(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    url, arn = cloud.create_queue("changed")
    target = {"Arn": arn, "RoleArn": ROLE, **STAMP}

    def update(**fields: Any) -> None:
        schedules.update_schedule(
            Name="changed", Target=target, FlexibleTimeWindow={"Mode": "OFF"}, **fields
        )

    create(schedules, "changed", "rate(1 hour)", arn, target=STAMP)
    cloud.receive(url)
    update(ScheduleExpression="rate(1 hour)", State="DISABLED")
    clock.advance(hours=1)
    assert cloud.stays_empty(url)
    update(ScheduleExpression="rate(1 day)", State="ENABLED")
    assert cloud.receive(url)["Body"]["at"] == text(clock.now())
    clock.advance(hours=23)
    assert cloud.stays_empty(url)
    schedules.delete_schedule(Name="changed")
    clock.advance(hours=1)
    assert cloud.stays_empty(url)


def test_a_state_machine_gets_the_input_with_its_context(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    machine = cloud.create_state_machine("rerun", PASS)
    document = json.dumps(
        {"schedule": "<aws.scheduler.schedule-arn>", "execution": "<aws.scheduler.execution-id>"}
    )
    arn = create(schedules, "rerun", "rate(1 day)", machine, target={"Input": document})
    execution = eventually(lambda: cloud.executions_of(machine))[0]
    ended = cloud.wait_for_execution(execution["executionArn"])
    assert json.loads(ended["input"]) == {"schedule": arn, "execution": execution["name"]}


def test_a_function_and_a_bus_are_reached(cloud: Cloud, clock: HandClock, schedules: Any) -> None:
    url, queue = cloud.create_queue("reached")
    source = (
        "import boto3, json\n"
        "def handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody=json.dumps(event))\n"
    )
    create(schedules, "function", "rate(1 day)", cloud.create_function("reached", source))
    event = cloud.receive(url)["Body"]
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")

    cloud("events").put_rule(Name="heard", EventPattern='{"source": ["stratos.test"]}')
    cloud("events").put_targets(Rule="heard", Targets=[{"Id": "t", "Arn": queue}])
    bus = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/default"
    parameters = {"EventBridgeParameters": {"Source": "stratos.test", "DetailType": "Tick"}}
    create(schedules, "bus", "rate(1 day)", bus, target=parameters | {"Input": '{"n": 1}'})
    event = cloud.receive(url)["Body"]
    assert (event["detail-type"], event["detail"]) == ("Tick", {"n": 1})


def test_a_universal_target_calls_the_api_it_names(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    machine = cloud.create_state_machine("universal", PASS)
    # Scheduler spells every parameter with a capital; the Step Functions API does not.
    call = {"StateMachineArn": machine, "Input": json.dumps({"n": 1}), "Name": "universal"}
    create(
        schedules,
        "universal",
        "rate(1 day)",
        "arn:aws:scheduler:::aws-sdk:sfn:startExecution",
        target={"Input": json.dumps(call)},
    )
    execution = eventually(lambda: cloud.executions_of(machine))[0]
    assert execution["name"] == "universal"


def test_a_target_that_is_gone_leaves_a_dead_letter(
    cloud: Cloud, clock: HandClock, schedules: Any
) -> None:
    url, queue = cloud.create_queue("dead")
    missing = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:missing"
    target = {"Input": '{"n": 1}', "DeadLetterConfig": {"Arn": queue}}
    arn = create(schedules, "doomed", "rate(1 day)", missing, target=target)
    message = cloud.receive(url)
    assert message["Body"] == {"n": 1}
    assert message["MessageAttributes"]["SCHEDULE_ARN"]["StringValue"] == arn
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "StateMachineDoesNotExist"


@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("sfn:startExecution", {"Machine": "x"}, "ParamValidationError"),
        ("sfn:startEverything", {}, "UndeliverableTargetError"),
        ("nosuchservice:run", {}, "UnknownServiceError"),
    ],
)
def test_a_universal_target_that_cannot_be_called_leaves_a_dead_letter(
    cloud: Cloud, clock: HandClock, schedules: Any, action: str, parameters: Any, code: str
) -> None:
    url, queue = cloud.create_queue(f"dead-{code}")
    target = {"Input": json.dumps(parameters), "DeadLetterConfig": {"Arn": queue}}
    create(schedules, code, "rate(1 day)", f"arn:aws:scheduler:::aws-sdk:{action}", target=target)
    assert cloud.receive(url)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == code


def test_a_scheduled_rule_fires_and_only_for_itself(cloud: Cloud, clock: HandClock) -> None:
    events = cloud("events")
    urls, rules = [], []
    for hours in (1, 100):
        url, arn = cloud.create_queue(f"rule-{hours}")
        rule = f"every-{hours}"
        rules.append(events.put_rule(Name=rule, ScheduleExpression=f"rate({hours} hours)"))
        events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": arn}])
        urls.append(url)
    clock.settle()
    began = clock.now()
    clock.advance(hours=1)
    event = cloud.receive(urls[0])["Body"]
    assert event["time"] == text(began + timedelta(hours=1))
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [rules[0]["RuleArn"]]
    assert cloud.stays_empty(urls[1])
    events.disable_rule(Name="every-1")
    clock.advance(hours=1)
    assert cloud.stays_empty(urls[0])


@pytest.mark.parametrize(
    ("expression", "zone", "problem"),
    [
        ("rate(0 days)", "UTC", r"Invalid Schedule Expression rate\(0 days\)\. Found 0"),
        ("every day", "UTC", r"Invalid Schedule Expression every day\. Needed: rate"),
        (
            "cron(0 6 * * * *)",
            "UTC",
            r"Invalid Schedule Expression cron\(0 6 \* \* \* \*\)\. Found",
        ),
        ("at(2030-02-30T08:00:00)", "UTC", r"Invalid Schedule Expression at\(.*No calendar"),
        ("rate(1 day)", "Mars/Olympus", "no time zone"),
    ],
)
def test_an_expression_that_would_never_fire_is_refused(
    schedules: Any, expression: str, zone: str, problem: str
) -> None:
    with pytest.raises(ClientError, match=problem) as refused:
        create(
            schedules,
            "refused",
            expression,
            f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:q",
            ScheduleExpressionTimezone=zone,
        )
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_an_update_to_an_expression_that_would_never_fire_is_refused(
    cloud: Cloud, schedules: Any
) -> None:
    _, arn = cloud.create_queue("updated")
    create(schedules, "updated", "rate(1 day)", arn, target=STAMP)
    with pytest.raises(ClientError, match="Invalid Schedule Expression weekly"):
        schedules.update_schedule(
            Name="updated",
            ScheduleExpression="weekly",
            Target={"Arn": arn, "RoleArn": ROLE},
            FlexibleTimeWindow={"Mode": "OFF"},
        )
    assert schedules.get_schedule(Name="updated")["ScheduleExpression"] == "rate(1 day)"
