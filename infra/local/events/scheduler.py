"""The clock that fires EventBridge schedules and scheduled rules, which moto only stores."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from moto.events.models import events_backends
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import Schedule, scheduler_backends

from infra.local.events.callers import schedule_caller
from infra.local.events.targets import RETRIES, Targets
from infra.local.events.timetable import Timetable, Timetables
from infra.local.host.clock import ScaledClock, SchedulerClock
from infra.local.host.outbox import OUTBOX, Errand
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.iam.sessions import region_of
from stratos.spec.schedule import parse_schedule

POLL_SECONDS = 0.25
"""Real time within which a new or changed schedule is noticed."""

MAX_CONCURRENT_DELIVERIES = 8

FIRING = "firing"
"""The errand of a schedule whose time has come."""

logger = logging.getLogger(__name__)


class Scheduler:
    """Reads moto's schedules and rules on every tick, so that any change counts at once."""

    def __init__(self, clock: SchedulerClock | None = None) -> None:
        """`clock` stands in for the one whose pace is `settings.clock_scale`."""
        self._given_clock = clock
        self._patches = Patches()
        self._tables = Timetables()
        self._refused: set[tuple[str, str]] = set()
        self._stop = threading.Event()

    def install(self, settings: LocalSettings) -> None:
        self._clock = self._given_clock or ScaledClock(settings.clock_scale)
        self._targets = Targets(settings)
        self._workers = ThreadPoolExecutor(MAX_CONCURRENT_DELIVERIES, "schedule-delivery")
        original_initialize, original_update = Schedule.__init__, Schedule.update

        def initialize(schedule: Any, **fields: Any) -> None:
            _check(fields["schedule_expression"], fields["schedule_expression_timezone"])
            original_initialize(schedule, **fields)

        def update(schedule: Any, **fields: Any) -> None:
            _check(fields["schedule_expression"], fields["schedule_expression_timezone"])
            original_update(schedule, **fields)

        self._patches.replace(Schedule, "__init__", initialize)
        self._patches.replace(Schedule, "update", update)
        OUTBOX.carries(FIRING, lambda errand: self._workers.submit(self._fire, errand))
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._patches.restore()
        self._targets.close()
        self._workers.shutdown(cancel_futures=True)
        OUTBOX.leave(FIRING)

    def _run(self) -> None:
        stopped = False
        while not stopped:
            try:
                self._tick()
            except Exception:
                logger.exception("The scheduler missed a tick")
            soon = self._clock.now() + timedelta(days=1)
            until = self._tables.next_due() or soon
            stopped = self._clock.wait(self._stop, until, POLL_SECONDS)

    def _tick(self) -> None:
        """Fire whatever has come due since the last tick."""
        now = self._clock.now()
        seen: set[str] = set()
        for group, schedule in _schedules():
            seen.add(schedule.arn)
            table = self._read(
                schedule.arn, schedule.schedule_expression, self._tables.of_schedule, schedule, now
            )
            if table is None:
                continue
            due = table.take_due(now)
            if schedule.state == "DISABLED":
                continue
            if due is not None:
                OUTBOX.put(FIRING, _firing(schedule, due))
            if table.due is None and schedule.action_after_completion == "DELETE":
                group.schedules.pop(schedule.name, None)
        for rule in _scheduled_rules():
            seen.add(rule.arn)
            table = self._read(rule.arn, rule.scheduled_expression, self._tables.of_rule, rule, now)
            due = table.take_due(now) if table else None
            if due is not None and rule.state != "DISABLED":
                self._workers.submit(_fire_rule, rule, due)
        self._tables.keep(seen)

    def _read(
        self,
        arn: str,
        expression: str,
        timetable_of: Callable[[Any, datetime], Timetable],
        source: Any,
        now: datetime,
    ) -> Timetable | None:
        """The timetable, or None with one warning for an expression that cannot be read."""
        try:
            return timetable_of(source, now)
        except ValueError as error:
            if (arn, expression) not in self._refused:
                self._refused.add((arn, expression))
                logger.warning("%s never fires: %s", arn, error)
            return None

    def _fire(self, errand: Errand) -> None:
        arn, target, execution_id = (
            errand.content[name] for name in ("arn", "target", "execution_name")
        )
        due = datetime.fromisoformat(errand.content["due"])
        attributes = {
            "schedule-arn": arn,
            "scheduled-time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
            "execution-id": execution_id,
            "attempt-number": "1",
        }
        document = target.get("Input") or _default_input(arn, due)
        for name, value in attributes.items():
            document = document.replace(f"<aws.scheduler.{name}>", value)

        def attempt() -> None:
            self._targets.deliver(
                target["Arn"],
                document,
                caller=schedule_caller(arn, target),
                region=region_of(arn),
                parameters=target,
                execution_name=execution_id,
            )

        try:
            failure = self._targets.deliver_or_bury(
                attempt,
                document=document,
                dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn"),
                buried_by=lambda: schedule_caller(arn, target),
                attributes={
                    "SCHEDULE_ARN": arn,
                    "TARGET_ARN": target["Arn"],
                    "SCHEDULED_TIME": attributes["scheduled-time"],
                    "EXECUTION_ID": execution_id,
                },
                retries=(target.get("RetryPolicy") or {}).get("MaximumRetryAttempts", RETRIES),
            )
        except Exception:
            logger.exception("Schedule %s could not reach %s", arn, target["Arn"])
        else:
            if failure is not None:
                logger.warning("Schedule %s did not reach %s: %s", arn, target["Arn"], failure)
                if self._targets.gave_up(failure):
                    return
        OUTBOX.strike(errand)


def _firing(schedule: Any, due: datetime) -> dict[str, Any]:
    return {
        "arn": schedule.arn,
        "target": dict(schedule.target),
        "due": due.isoformat(),
        "execution_name": str(uuid.uuid4()),
    }


def _check(expression: str, timezone: str | None) -> None:
    """Refuse at once what would never fire, as AWS does."""
    try:
        parse_schedule(expression, timezone or "UTC")
    except ValueError as error:
        raise ValidationException(message=str(error)) from error


def _schedules() -> Iterator[tuple[Any, Any]]:
    """Every schedule of every account and region, with its group."""
    for account in list(scheduler_backends.values()):
        for backend in list(account.values()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    yield group, schedule


def _scheduled_rules() -> Iterator[Any]:
    for account in list(events_backends.values()):
        for backend in list(account.values()):
            for bus in list(backend.event_buses.values()):
                yield from (rule for rule in list(bus.rules.values()) if rule.scheduled_expression)


def _fire_rule(rule: Any, due: datetime) -> None:
    """Send the rule its own tick; it is no event that a pattern could match."""
    try:
        rule.send_to_targets(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": rule.account_id,
                "time": due.timestamp(),
                "ingestion-time": due.timestamp(),
                "region": rule.region_name,
                "resources": [rule.arn],
                "detail": {},
            }
        )
    except Exception:
        logger.exception("Rule %s could not fire", rule.name)


def _default_input(arn: str, due: datetime) -> str:
    """What a target without an Input gets."""
    region, account = arn.split(":")[3:5]
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": [arn],
            "detail": "{}",
        }
    )
