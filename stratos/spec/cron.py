"""AWS cron expressions: six fields, from minutes to years, with `?`, `L`, `W` and `#`.

It takes what AWS documents, and a few forms that are in use there: `LW`, `L-3`, `*/15`, names in
small letters, and ranges that wrap around, such as the hours `20-2`.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

DayTest = Callable[[date], bool]


@dataclass(frozen=True)
class _Field:
    """What one of the six fields may hold."""

    name: str
    allowed: range
    needed: str
    names: Mapping[str, int] = field(default_factory=dict)


_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEK_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}

MINUTES = _Field("minutes", range(60), "0 to 59")
HOURS = _Field("hours", range(24), "0 to 23")
MONTH_DAYS = _Field("day-of-month", range(1, 32), "1 to 31, L for the last, 15W, LW")
MONTHS = _Field("month", range(1, 13), "1 to 12 or JAN to DEC", _MONTHS)
WEEK_DAYS = _Field(
    "day-of-week", range(1, 8), "1 (Sunday) to 7 (Saturday), SUN to SAT, MON#2, MONL", _WEEK_DAYS
)
YEARS = _Field("year", range(1970, 2200), "1970 to 2199")


@dataclass(frozen=True)
class CronExpression:
    """When a cron expression fires. Build it with `parse`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    falls_on: DayTest

    @classmethod
    def parse(cls, text: str) -> CronExpression:
        """Read `minutes hours day-of-month month day-of-week year`.

        Raises:
            ValueError: what was found, and what is needed.
        """
        fields = text.upper().split()
        if len(fields) != 6:
            raise ValueError(
                f"Found {len(fields)} fields; needed: six, as minutes hours day-of-month month "
                "day-of-week year (* for every year)"
            )
        if text.upper() != " ".join(fields):
            raise ValueError("Leave one space between two fields, and none inside the brackets")
        minutes, hours, month_day, months, week_day, years = fields
        _check_question_marks(fields)
        return cls(
            minutes=tuple(sorted(_values(minutes, MINUTES))),
            hours=tuple(sorted(_values(hours, HOURS))),
            months=frozenset(_values(months, MONTHS)),
            years=frozenset(_values(years, YEARS)),
            falls_on=(_week_day_test(week_day) if month_day == "?" else _month_day_test(month_day)),
        )

    @property
    def last_year(self) -> int:
        """The last year in which it may fire."""
        return max(self.years)

    def after(self, moment: datetime, zone: tzinfo) -> datetime | None:
        """The first time after `moment`, in UTC; None when there is none.

        A local time that daylight saving skips does not fire; one that it repeats fires once, the
        first time.
        """
        day = moment.astimezone(zone).date()
        last = date(self.last_year, 12, 31)
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


def _check_question_marks(fields: list[str]) -> None:
    """Refuse all but one `?`, in one of the two day fields."""
    _, _, month_day, _, week_day, _ = fields
    if (month_day == "?") != (week_day == "?"):
        return
    if month_day == "?":
        raise ValueError(
            "Found ? in day-of-month and in day-of-week; needed: ? in exactly one of the two, and "
            "* in the other for every day"
        )
    advice = "Put ? into the one that does not matter"
    if "*" in (month_day, week_day):
        place = 2 if month_day == "*" else 4
        mended = " ".join([*fields[:place], "?", *fields[place + 1 :]])
        advice = f"Write cron({mended})"
    raise ValueError(
        f"Found {month_day} in day-of-month and {week_day} in day-of-week; needed: ? in exactly "
        f"one of the two. {advice}"
    )


def _refusal(found: str, where: _Field, needed: str = "") -> ValueError:
    shown = (found if len(found) <= 40 else found[:39] + "…") or "nothing"
    return ValueError(f"Found {shown} in {where.name}; needed: {needed or f'{where.needed}, or *'}")


def _number(text: str, where: _Field) -> int:
    value = where.names.get(text)
    if value is None and re.fullmatch(r"[0-9]{1,4}", text):
        value = int(text)
    if value is None or value not in where.allowed:
        is_long_name = text.isalpha() and text[:3] in where.names
        raise _refusal(text, where, text[:3] if is_long_name else "")
    return value


def _values(text: str, where: _Field) -> set[int]:
    """The numbers that a field of `*`, `a`, `a-b`, `/n` and `,` stands for."""
    values: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _step(part, step_text, where) if slash else 1
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = where.allowed.start, where.allowed.stop - 1
        elif dash:
            low, high = _number(first or part, where), _number(last or part, where)
        else:
            low = _number(first, where)
            high = where.allowed.stop - 1 if slash else low
        if low <= high:
            values.update(range(low, high + 1, step))
        elif where is YEARS:
            raise _refusal(part, where, "the earlier year first")
        else:  # FRI-MON
            wrapped = [*range(low, where.allowed.stop), *range(where.allowed.start, high + 1)]
            values.update(wrapped[::step])
    return values


def _step(part: str, text: str, where: _Field) -> int:
    if where is WEEK_DAYS:
        raise _refusal(part, where, "a list of days, as MON,WED,FRI; it takes no step")
    largest = where.allowed.stop - 1
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= largest:
        raise _refusal(part, where, f"a step of 1 to {largest} after the slash")
    return int(text)


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _month_day_test(text: str) -> DayTest:
    """`L` is the last day, `L-n` n days before it, `nW` the weekday nearest to n, `LW` the last."""
    if match := re.fullmatch(r"L(?:-([0-9]+))?", text):
        before = int(match[1] or 0)
        if before > 30:
            raise _refusal(text, MONTH_DAYS, "L-30 at the most")
        return lambda day: day.day == _last_day(day) - before
    if match := re.fullmatch(r"(L|[0-9]+)W", text):
        wanted = None if match[1] == "L" else _number(match[1], MONTH_DAYS)
        return lambda day: day == _nearest_weekday(day, wanted)
    if "," in text and re.search("[LW?]", text):
        raise _refusal(text, MONTH_DAYS, "L, W and ? alone, not in a list")
    days = _values(text, MONTH_DAYS)
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


def _week_day_test(text: str) -> DayTest:
    """`d#n` is the n-th d of the month, `dL` its last, `L` Saturday. Sunday is 1."""

    def number(day: date) -> int:
        return day.isoweekday() % 7 + 1

    if "," in text and re.search(r"[#?]|L(,|$)", text):
        raise _refusal(text, WEEK_DAYS, "#, L and ? alone, not in a list")
    day_text, hash_sign, ordinal_text = text.partition("#")
    if hash_sign:
        if ordinal_text not in ("1", "2", "3", "4", "5"):
            raise _refusal(text, WEEK_DAYS, "1 to 5 after the #")
        wanted, ordinal = _number(day_text, WEEK_DAYS), int(ordinal_text)
        return lambda day: number(day) == wanted and (day.day - 1) // 7 + 1 == ordinal
    if match := re.fullmatch(r"([0-9]|[A-Z]{3})L", text):
        wanted = _number(match[1], WEEK_DAYS)
        return lambda day: number(day) == wanted and day.day + 7 > _last_day(day)
    days = {7} if text == "L" else _values(text, WEEK_DAYS)
    return lambda day: number(day) in days
