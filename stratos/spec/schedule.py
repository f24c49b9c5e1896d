"""Schedule expressions of EventBridge: `rate(...)`, `cron(...)` and `at(...)`, and time zones.

One parser for the spec, the pipeline and the embedded cloud, so that what the spec accepts is what
fires. It refuses what EventBridge Scheduler refuses, in its words, and says why.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from stratos.spec.cron import CronExpression

MAX_CHARACTERS = 256
"""Of an expression.
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""
LONGEST_RATE = timedelta(days=36_500)
"""AWS takes rates that no calendar reaches; a century is longer than any schedule lives."""

_BEFORE_ALL = datetime(1969, 12, 30, tzinfo=UTC)
_UNITS = ("minutes", "hours", "days")


@dataclass(frozen=True)
class Rate:
    """Every `interval`, counted from the start of the schedule."""

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
    zone: tzinfo

    @property
    def first(self) -> datetime | None:
        """The first time of all, even if long past; None if it names no time that exists."""
        return self.expression.after(_BEFORE_ALL, self.zone)

    def after(self, moment: datetime, began: datetime) -> datetime | None:
        return self.expression.after(max(moment, began - timedelta(microseconds=1)), self.zone)


@dataclass(frozen=True)
class At:
    """Once. A time that is past when the schedule is created fires at once, rather than never."""

    time: datetime

    def after(self, moment: datetime, began: datetime) -> datetime | None:
        due = max(self.time, began)
        return due if due > moment else None


ScheduleExpression = Rate | Cron | At


def parse_schedule(
    text: str, timezone: str = "UTC", *, rate_fires_at_once: bool = True
) -> ScheduleExpression:
    """Read an expression, by the clock of a time zone.

    Raises:
        ValueError: what EventBridge Scheduler would say, what was found, and what is needed; or
            an unknown time zone.
    """
    zone = time_zone(timezone)
    if not 1 <= len(text) <= MAX_CHARACTERS:
        raise ValueError(f"found {len(text)} characters; needed: 1 to {MAX_CHARACTERS}")
    try:
        form, body = _taken_apart(text)
        if form == "cron":
            return Cron(CronExpression.parse(body), zone)
        return _at(body, zone) if form == "at" else _rate(body, rate_fires_at_once)
    except ValueError as error:
        raise ValueError(f"Invalid Schedule Expression {text}. {error}") from error


def next_times(
    expression: ScheduleExpression, after: datetime, count: int = 3
) -> tuple[datetime, ...]:
    """The next times of a schedule that begins at a moment, by its own clock; fewer if it ends."""
    times: list[datetime] = []
    moment = after
    zone = expression.zone if isinstance(expression, Cron) else UTC
    while len(times) < count and (following := expression.after(moment, after)) is not None:
        times.append(following.astimezone(zone))
        moment = following
    return tuple(times)


def time_zone(name: str) -> tzinfo:
    """The time zone of a name in the IANA database.

    Raises:
        ValueError: there is none of that name; perhaps one like it.
    """
    if name == "UTC":  # known without a database
        return UTC
    if name in _zone_names():
        return ZoneInfo(name)
    if not _zone_names():
        raise ValueError(
            f"{name!r} cannot be looked up: this machine has no time zone database; "
            "install the Python package tzdata"
        )
    raise ValueError(
        f"{name!r} is no time zone of the IANA database, such as Europe/Berlin{_advice(name)}"
    )


def _taken_apart(text: str) -> tuple[str, str]:
    """The form of an expression, and what its brackets hold."""
    if found := re.fullmatch(r"(rate|cron|at)\((.*)\)", text):
        return found[1], found[2]
    bare = text.strip()
    if len(bare.split()) in (5, 6) and "(" not in bare:
        raise ValueError(f"Write cron({bare})")
    if re.fullmatch(r"[0-9]+ [a-z]+", bare):
        raise ValueError(f"Write rate({bare})")
    raise ValueError(
        "Needed: rate(…) or cron(…), with nothing around it. Write rate(7 days), or "
        "cron(0 9 ? * MON *)"
    )


def _rate(body: str, fires_at_once: bool) -> Rate:
    if body != " ".join(body.split()):
        raise ValueError("Leave one space between number and unit, and none inside the brackets")
    value, _, unit = body.partition(" ")
    if not re.fullmatch(r"[1-9][0-9]*", value):
        raise ValueError(
            f"Found {value or 'nothing'}; needed: a whole number from 1 and a unit, as rate(7 days)"
        )
    # Rules want `1 day`; Scheduler takes `1 days` as well, and its own guide writes that.
    if unit not in (*_UNITS, *(name.removesuffix("s") for name in _UNITS)):
        close = difflib.get_close_matches(unit, _UNITS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ValueError(f"Found {unit or 'no unit'}; needed: {', '.join(_UNITS)}{hint}")
    interval = timedelta(**{unit.removesuffix("s") + "s": int(value[:9])})
    if len(value) > 9 or interval > LONGEST_RATE:
        raise ValueError(f"Needed: at most {LONGEST_RATE.days} days")
    return Rate(interval, first_at_once=fires_at_once)


def _at(body: str, zone: tzinfo) -> At:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", body):
        raise ValueError(
            "Needed: a date and a time to the second, as at(2030-01-31T08:00:00); the time zone "
            "is given apart"
        )
    try:
        return At(datetime.fromisoformat(body).replace(tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"No calendar has this time: {error}") from error


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _advice(name: str) -> str:
    wanted = name.strip().replace(" ", "_").lower()
    if re.search(r"[+-][0-9]", wanted):
        return "; an offset knows no daylight saving, so name a city"
    known = {zone.lower(): zone for zone in sorted(_zone_names())}
    cities = [zone for low, zone in known.items() if low.rpartition("/")[2] == wanted]
    if wanted in known:
        cities = [known[wanted]]
    elif not cities and len(wanted) > 4:  # an abbreviation, such as CEST, resembles others
        cities = [known[low] for low in difflib.get_close_matches(wanted, known, n=1, cutoff=0.85)]
    return f"; did you mean {cities[0]}?" if cities else ""
