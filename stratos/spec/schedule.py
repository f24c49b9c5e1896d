"""Schedule expressions: `rate(...)`, `cron(...)` and `at(...)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stratos.spec.cron import CronExpression

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


@dataclass(frozen=True)
class Rate:
    """Every `interval`, counted from when the schedule began."""

    interval: timedelta
    first_at_once: bool
    """A schedule fires when it begins, a rule one interval later."""

    def after(self, moment: datetime, began: datetime) -> datetime | None:
        """The first time after `moment` of a schedule that began at `began`."""
        past = (moment - began) // self.interval
        earliest = 0 if self.first_at_once else 1
        return began + self.interval * max(past + 1, earliest)


@dataclass(frozen=True)
class Cron:
    """Whenever the clock of a time zone shows what the expression says."""

    expression: CronExpression
    zone: ZoneInfo

    def after(self, moment: datetime, began: datetime) -> datetime | None:
        return self.expression.after(max(moment, began - timedelta(microseconds=1)), self.zone)


@dataclass(frozen=True)
class At:
    """Once. A time already past when the schedule is made fires at once, rather than never."""

    time: datetime

    def after(self, moment: datetime, began: datetime) -> datetime | None:
        due = max(self.time, began)
        return due if due > moment else None


ScheduleExpression = Rate | Cron | At


def parse_schedule(
    text: str, timezone: str = "UTC", *, rate_fires_at_once: bool = True
) -> ScheduleExpression:
    """
    Raises:
        ValueError: none of the three forms, or an unknown time zone.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"{timezone!r} is no time zone of the IANA database, such as Europe/Berlin."
        ) from error
    if rate := _RATE.fullmatch(text):
        interval = timedelta(**{f"{rate[2]}s": int(rate[1])})
        return Rate(interval, first_at_once=rate_fires_at_once)
    if cron := _CRON.fullmatch(text):
        return Cron(CronExpression.parse(cron[1]), zone)
    if at := _AT.fullmatch(text):
        local = datetime.fromisoformat(at[1]).replace(tzinfo=zone)
        return At(local.astimezone(UTC))
    raise ValueError(
        f"Invalid schedule expression {text!r}. Use rate(7 days), cron(0 6 ? * MON *) "
        "or at(2030-01-31T08:00:00)."
    )
