"""AWS cron expressions against dates worked out by hand and by trying every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
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


def test_every_minute_tried_agrees() -> None:
    expression = CronExpression.parse("*/7 3-20/4 ? 3,11 TUE,SAT *")

    @given(st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 28)))
    def agrees(moment: datetime) -> None:
        at = moment.replace(tzinfo=UTC)
        minute = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while not (
            minute.minute % 7 == 0
            and minute.hour in (3, 7, 11, 15, 19)
            and minute.weekday() in (1, 5)
            and minute.month in (3, 11)
        ):
            minute += timedelta(minutes=1)
        assert expression.after(at, ZoneInfo("UTC")) == minute

    agrees()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 12 * * ?", "has 5 fields; it needs six"),
        ("0 12 * * * *", r"must have a \? in day-of-month or in day-of-week"),
        ("0 12 ? * ? *", r"must have a \? in day-of-month or in day-of-week"),
        ("60 12 * * ? *", "'60' is not between 0 and 59"),
        ("0 12 * FOO ? *", "'FOO' is not between 1 and 12"),
        ("0/0 12 * * ? *", "no positive step"),
        ("0 12 ? * 8 *", "'8' is not between 1 and 7"),
    ],
)
def test_what_is_no_aws_cron_expression_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CronExpression.parse(text)
