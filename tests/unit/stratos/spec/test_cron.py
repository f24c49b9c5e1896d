"""AWS cron expressions against dates worked out by hand and by trying every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratos.spec.cron import CronExpression


def following(text: str, moment: str, count: int = 1, zone: str = "UTC") -> list[str]:
    """The next times after a moment, as UTC text."""
    expression = CronExpression.parse(text)
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    times = []
    for _ in range(count):
        found = expression.after(at, ZoneInfo(zone))
        if found is None:
            break
        times.append(f"{found:%Y-%m-%d %H:%M}")
        at = found
    return times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 12 * * ? *", ["2026-11-24 12:00", "2026-11-25 12:00"]),
        ("0/15 8 ? * * *", ["2026-11-24 08:15", "2026-11-24 08:30"]),
        ("5,35 8-9 ? * TUE *", ["2026-11-24 08:35", "2026-11-24 09:05"]),
        ("0 6 ? * MON-FRI *", ["2026-11-25 06:00", "2026-11-26 06:00", "2026-11-27 06:00"]),
        ("0 6 ? * FRI-MON *", ["2026-11-27 06:00", "2026-11-28 06:00", "2026-11-29 06:00"]),
        ("0 6 ? * 1 *", ["2026-11-29 06:00"]),
        ("0 6 ? * L *", ["2026-11-28 06:00"]),
        ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("0 0 L-2 * ? *", ["2026-11-28 00:00", "2026-12-29 00:00"]),
        ("0 0 LW * ? *", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"]),
        # 15 August 2026 is a Saturday, 1 August too, 15 November a Sunday.
        ("0 0 15W 8 ? *", ["2027-08-16 00:00"]),
        ("0 0 1W 5 ? *", ["2027-05-03 00:00"]),
        ("0 8 ? * MON#2 *", ["2026-12-14 08:00", "2027-01-11 08:00"]),
        ("0 8 ? * FRIL *", ["2026-11-27 08:00", "2026-12-25 08:00"]),
        ("0 0 29 2 ? *", ["2028-02-29 00:00"]),
        ("0 20-2 ? * * 2026", ["2026-11-24 20:00", "2026-11-24 21:00", "2026-11-24 22:00"]),
        ("0 8 ? * mon#1 *", ["2026-12-07 08:00"]),
        ("0 0 1 JAN,JUL ? 2027-2028", ["2027-01-01 00:00", "2027-07-01 00:00"]),
        ("0 0 1 1 ? 2020", []),
        ("0 0 30 2 ? 2027", []),
    ],
)
def test_the_next_times_are_those_of_the_calendar(text: str, expected: list[str]) -> None:
    assert following(text, "2026-11-24 08:07", max(len(expected), 1)) == expected


def test_a_time_zone_keeps_its_local_hour_across_daylight_saving() -> None:
    assert following("0 6 * * ? *", "2026-10-24 03:00", 3, "Europe/Berlin") == [
        "2026-10-24 04:00",
        "2026-10-25 05:00",
        "2026-10-26 05:00",
    ]


def test_a_skipped_local_time_does_not_fire_and_a_repeated_one_fires_once() -> None:
    # Berlin has no 02:30 on 28 March 2027 and two on 25 October 2026.
    assert following("30 2 * * ? *", "2027-03-27 00:00", 2, "Europe/Berlin") == [
        "2027-03-27 01:30",
        "2027-03-29 00:30",
    ]
    assert following("30 2 * * ? *", "2026-10-24 12:00", 2, "Europe/Berlin") == [
        "2026-10-25 00:30",
        "2026-10-26 01:30",
    ]


def test_a_first_hour_that_a_zone_repeats_at_midnight_fires_once() -> None:
    # Havana goes from 01:00 back to 00:00 on 1 November 2026.
    assert following("30 0 * * ? *", "2026-10-31 12:00", 2, "America/Havana") == [
        "2026-11-01 04:30",
        "2026-11-02 05:30",
    ]


def test_a_day_that_a_zone_skipped_is_left_out() -> None:
    # Samoa had no 30 December 2011.
    assert following("0 9 * * ? 2011", "2011-12-29 12:00", 2, "Pacific/Apia") == [
        "2011-12-29 19:00",
        "2011-12-30 19:00",
    ]


def in_list(field: str, low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """A field of numbers, ranges that may wrap around and steps, and what it stands for."""

    def part(first: int, last: int, step: int, form: str) -> tuple[str, list[int]]:
        whole = list(range(low, high + 1))
        if form == "one":
            return str(first), [first]
        if form == "from":
            return f"{first}/{step}", whole[first - low :: step]
        if form == "all":
            return f"*/{step}", whole[::step]
        turned = whole[first - low :] + whole[: first - low]
        span = turned[: turned.index(last) + 1]
        return (
            (f"{first}-{last}", span)
            if form == "range"
            else (f"{first}-{last}/{step}", span[::step])
        )

    forms = (
        ["one", "range"] if field == "day-of-week" else ["one", "range", "stepped", "from", "all"]
    )
    number = st.integers(low, high)
    parts = st.builds(part, number, number, st.integers(1, high), st.sampled_from(forms))
    return st.lists(parts, min_size=1, max_size=3).map(
        lambda found: (
            ",".join(text for text, _ in found),
            frozenset(value for _, values in found for value in values),
        )
    )


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


@settings(max_examples=60)
@given(
    minutes=in_list("minutes", 0, 59),
    hours=in_list("hours", 0, 23),
    week_days=in_list("day-of-week", 1, 7),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    zone=st.sampled_from(ZONES),
)
@example(("30", {30}), ("2", {2}), ("1-7", set(range(1, 8))), datetime(2027, 3, 27, 4), ZONES[1])
@example(
    ("30", {30}), ("2", {2}), ("1-7", set(range(1, 8))), datetime(2026, 10, 25, 0, 40), ZONES[1]
)
@example(
    ("45", {45}), ("1", {1}), ("1-7", set(range(1, 8))), datetime(2026, 4, 4, 14, 50), ZONES[3]
)
def test_every_minute_tried_agrees(
    minutes: tuple[str, set[int]],
    hours: tuple[str, set[int]],
    week_days: tuple[str, set[int]],
    start: datetime,
    zone: str,
) -> None:
    moment, local_zone = start.replace(tzinfo=UTC), ZoneInfo(zone)
    tried = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def fires(instant: datetime) -> bool:
        local = instant.astimezone(local_zone)
        return (
            local.fold == 0  # a repeated hour counts once
            and local.minute in minutes[1]
            and local.hour in hours[1]
            and local.isoweekday() % 7 + 1 in week_days[1]
        )

    while not fires(tried):
        tried += timedelta(minutes=1)
    expression = CronExpression.parse(f"{minutes[0]} {hours[0]} ? * {week_days[0]} *")
    assert expression.after(moment, local_zone) == tried


@given(
    days=in_list("day-of-month", 1, 31),
    months=in_list("month", 1, 12),
    start=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
)
def test_every_day_tried_agrees(
    days: tuple[str, frozenset[int]], months: tuple[str, frozenset[int]], start: date
) -> None:
    expression = CronExpression.parse(f"0 0 {days[0]} {months[0]} ? *")
    moment = datetime(start.year, start.month, start.day, 0, 1, tzinfo=UTC)
    tried = [moment.date() + timedelta(days=number) for number in range(1, 366 * 9)]
    fires = (day for day in tried if day.day in days[1] and day.month in months[1])
    found = expression.after(moment, UTC)
    assert (found.date() if found else None) == next(fires, None)


@given(st.text(alphabet="0123456789*?/-,LW# JANMON", max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    told = ""
    try:
        expression = CronExpression.parse(text)
    except ValueError as error:
        told = str(error)
    if told:
        assert told.startswith(("Found", "Leave"))
    else:
        assert expression.months <= set(range(1, 13))
        assert expression.years <= set(range(1970, 2200))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 12 * * ?", "Found 5 fields; needed: six"),
        (
            "0 9 * * MON *",
            r"in day-of-week; needed: \? in exactly .* Write cron\(0 9 \? \* MON \*\)",
        ),
        ("0 9 1 * * *", r"Write cron\(0 9 1 \* \? \*\)"),
        ("0 9 1 * MON *", r"Put \? into the one that does not matter"),
        ("0 12 ? * ? *", r"Found \? in day-of-month and in day-of-week"),
        ("? 12 1 * ? *", r"Found \? in minutes; needed: 0 to 59, or \*"),
        ("60 12 * * ? *", "Found 60 in minutes; needed: 0 to 59"),
        ("0 24 * * ? *", "Found 24 in hours; needed: 0 to 23"),
        ("0 12 0 * ? *", "Found 0 in day-of-month; needed: 1 to 31"),
        ("0 12 32W * ? *", "Found 32 in day-of-month"),
        ("0 12 L-31 * ? *", "Found L-31 in day-of-month; needed: L-30 at the most"),
        ("0 12 1,L * ? *", "Found 1,L in day-of-month; needed: L, W and .* alone"),
        ("0 12 * FOO ? *", "Found FOO in month; needed: 1 to 12 or JAN to DEC"),
        ("0 12 * JANUARY ? *", "Found JANUARY in month; needed: JAN"),
        ("0 12 ? * 0 *", r"Found 0 in day-of-week; needed: 1 \(Sunday\) to 7 \(Saturday\)"),
        ("0 12 ? * 8 *", "Found 8 in day-of-week"),
        ("0 12 ? * MON#6 *", "Found MON#6 in day-of-week; needed: 1 to 5 after the #"),
        ("0 12 ? * 3#1,6#3 *", "Found 3#1,6#3 in day-of-week; needed: #, L and .* alone"),
        ("0 12 ? * 2/2 *", "Found 2/2 in day-of-week; needed: a list of days, as MON"),
        ("0/0 12 * * ? *", "Found 0/0 in minutes; needed: a step of 1 to 59"),
        ("*/60 12 * * ? *", "Found \\*/60 in minutes; needed: a step of 1 to 59"),
        ("5- 12 * * ? *", "Found 5- in minutes"),
        ("1,,2 12 * * ? *", "Found nothing in minutes"),
        ("0 12 * * ? 1969", "Found 1969 in year; needed: 1970 to 2199"),
        (
            "0 12 * * ? 2030-2027",
            "Found 2030-2027 in year; needed: the earlier year first",
        ),
        ("0  12 * * ? *", "Leave one space"),
        (" 0 12 * * ? *", "Leave one space"),
        ("² 12 * * ? *", "Found ² in minutes"),
    ],
)
def test_what_is_no_aws_cron_expression_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CronExpression.parse(text)
