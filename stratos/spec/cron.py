"""AWS cron expressions: six fields, from minutes to years, with `?`, `L`, `W` and `#`.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
YEARS = range(1970, 2200)

DayTest = Callable[[date], bool]


@dataclass(frozen=True)
class CronExpression:
    """When a cron expression fires. Build it with `parse`."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    falls_on: DayTest

    @classmethod
    def parse(cls, text: str) -> CronExpression:
        """Read `minutes hours day-of-month month day-of-week year`.

        Raises:
            ValueError: not six fields, a value out of range, or not exactly one `?` day field.
        """
        fields = text.upper().split()
        if len(fields) != 6:
            raise ValueError(
                f"cron({text}) has {len(fields)} fields; it needs six: minutes hours "
                "day-of-month month day-of-week year."
            )
        minute, hour, month_day, month, week_day, year = fields
        if (month_day == "?") == (week_day == "?"):
            raise ValueError(
                f"cron({text}) must have a ? in day-of-month or in day-of-week, and only in one."
            )
        try:
            falls_on = _week_day_test(week_day) if month_day == "?" else _month_day_test(month_day)
            return cls(
                text=text,
                minutes=tuple(sorted(_values(minute, range(60)))),
                hours=tuple(sorted(_values(hour, range(24)))),
                months=frozenset(_values(month, range(1, 13), MONTHS)),
                years=frozenset(_values(year, YEARS)),
                falls_on=falls_on,
            )
        except ValueError as error:
            raise ValueError(f"cron({text}): {error}") from error

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first time after `moment`, in UTC; None when there is none.

        A local time that daylight saving skips does not fire; one that it repeats fires once.
        """
        day = moment.astimezone(zone).date()
        last = date(max(self.years), 12, 31) if self.years else day
        while day <= last:
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
                continue
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.falls_on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                        instant = local.astimezone(UTC)
                        exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(
                            tzinfo=None
                        )
                        if exists and instant > moment:
                            return instant
            day += timedelta(days=1)
        return None


def _number(text: str, allowed: range, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdigit() else None)
    if value is None or value not in allowed:
        raise ValueError(f"{text!r} is not between {allowed.start} and {allowed.stop - 1}.")
    return value


def _values(field: str, allowed: range, names: dict[str, int] | None = None) -> set[int]:
    """The numbers a field of `*`, `a`, `a-b`, `/n` and `,` stands for."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text.isdigit() else 0
        if "/" in part and step == 0:
            raise ValueError(f"{part!r} has no positive step after the slash.")
        first, _, last = span.partition("-")
        if span == "*":
            low, high = allowed.start, allowed.stop - 1
        elif last:
            low, high = _number(first, allowed, names or {}), _number(last, allowed, names or {})
        else:
            low = _number(first, allowed, names or {})
            high = allowed.stop - 1 if step else low
        if low <= high:
            values.update(range(low, high + 1, step or 1))
        else:  # FRI-MON
            wrapped = [*range(low, allowed.stop), *range(allowed.start, high + 1)]
            values.update(wrapped[:: step or 1])
    return values


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _month_day_test(field: str) -> DayTest:
    """`L` is the last day, `L-n` n days before it, `nW` the weekday nearest to n, `LW` the last."""
    if match := re.fullmatch(r"L(?:-(\d+))?", field):
        before = int(match[1] or 0)
        return lambda day: day.day == _last_day(day) - before
    if match := re.fullmatch(r"(L|\d+)W", field):
        wanted = None if match[1] == "L" else _number(match[1], range(1, 32), {})
        return lambda day: day == _nearest_weekday(day, wanted)
    days = _values(field, range(1, 32))
    return lambda day: day.day in days


def _nearest_weekday(day: date, wanted: int | None) -> date | None:
    """The Monday to Friday nearest to a day of the month, without leaving the month."""
    last = _last_day(day)
    if wanted is not None and wanted > last:
        return None
    target = day.replace(day=wanted or last)
    if target.weekday() == calendar.SATURDAY:
        return target + timedelta(days=-1 if target.day > 1 else 2)
    if target.weekday() == calendar.SUNDAY:
        return target + timedelta(days=1 if target.day < last else -2)
    return target


def _week_day_test(field: str) -> DayTest:
    """`d#n` is the n-th d of the month, `dL` its last, `L` Saturday. Sunday is 1."""

    def number(day: date) -> int:
        return day.isoweekday() % 7 + 1

    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        wanted, ordinal = _number(match[1], range(1, 8), WEEKDAYS), int(match[2])
        return lambda day: number(day) == wanted and (day.day - 1) // 7 + 1 == ordinal
    if match := re.fullmatch(r"(\d|[A-Z]{3})L", field):
        wanted = _number(match[1], range(1, 8), WEEKDAYS)
        return lambda day: number(day) == wanted and day.day + 7 > _last_day(day)
    days = {7} if field == "L" else _values(field, range(1, 8), WEEKDAYS)
    return lambda day: number(day) in days
