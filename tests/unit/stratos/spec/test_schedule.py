"""Schedule expressions: what EventBridge Scheduler takes and refuses, and when each fires next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.spec import schedule
from stratos.spec.schedule import At, Cron, Rate, next_times, parse_schedule, time_zone

NOW = datetime(2026, 11, 24, 8, 7, tzinfo=UTC)  # a Tuesday


def shown(times: tuple[datetime, ...]) -> list[str]:
    return [f"{time:%a %Y-%m-%d %H:%M %z}" for time in times]


# What AWS answered to these was recorded by others; the last three are of its own guide.
@pytest.mark.parametrize(
    "text",
    [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron()",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
        "at(2026-09-08T03:54:26.439)",
        "cron(*/30 * * * * ? *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 * * * *)",
        "rate(0 minutes)",
    ],
)
def test_what_aws_refuses_is_refused_in_its_words_and_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid Schedule Expression") as refused:
        parse_schedule(text)
    told, _, reason = str(refused.value).partition(f"Invalid Schedule Expression {text}. ")
    assert told == ""
    assert any(word in reason for word in ("eeded: ", "Leave", "Write"))


@pytest.mark.parametrize(
    "text",
    [
        "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
        "cron(30-30 13-13 ? * 2,4,6 *)",
        "cron(1-31/30 1-1 ? * 1,7 *)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0 21 LW * ? *)",
        "cron(0 2 ? * 5L *)",
        "at(2022-12-31T23:59:59)",
        "rate(1 minutes)",
        "rate(1 days)",
        "rate(1 hour)",
        "rate(5 minute)",
    ],
)
def test_what_aws_takes_is_taken(text: str) -> None:
    assert isinstance(parse_schedule(text), Rate | Cron | At)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("weekly", r"Write rate\(7 days\), or cron\(0 9 \? \* MON \*\)"),
        ("0 9 ? * MON *", r"Write cron\(0 9 \? \* MON \*\)"),
        ("7 days", r"Write rate\(7 days\)"),
        ("rate(7 dais)", "Found dais; needed: minutes, hours, days; did you mean days"),
        ("rate(0 days)", "Found 0; needed: a whole number from 1"),
        ("rate(99999999999999999999 days)", "at most 36500 days"),
        ("rate(36501 days)", "at most 36500 days"),
        ("at(2030-02-30T08:00:00)", "No calendar has this time: day is out of range for month"),
        ("at(0000-01-01T08:00:00)", "No calendar has this time"),
        ("at(0001-01-01T08:00:00)", "No calendar has this time"),
        ("x" * 257, "found 257 characters; needed: 1 to 256"),
        ("", "found 0 characters"),
    ],
)
def test_a_refusal_says_what_was_found_and_what_is_needed(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_schedule(text, "Asia/Tokyo")


@given(
    st.sampled_from(["rate({})", "cron({})", "at({})", "{}"]),
    st.text(alphabet="0123456789 daysminutehours*?-:T", max_size=40),
)
def test_any_text_is_read_or_refused(form: str, body: str) -> None:
    text, told = form.format(body), ""
    try:
        next_times(parse_schedule(text, "Europe/Berlin"), NOW, 2)
    except ValueError as error:
        told = str(error)
    assert told == "" or text in told or text == ""


@given(st.integers(1, 36_500), st.sampled_from(["minute", "hour", "day"]), st.booleans())
def test_a_rate_fires_every_interval_after_it_began(number: int, unit: str, plural: bool) -> None:
    expression = parse_schedule(f"rate({number} {unit}{'s' * plural})")
    interval = (
        number
        * {
            "minute": timedelta(minutes=1),
            "hour": timedelta(hours=1),
            "day": timedelta(days=1),
        }[unit]
    )
    assert next_times(expression, NOW, 2) == (NOW + interval, NOW + 2 * interval)


def test_a_day_of_a_rate_has_24_hours_whatever_the_clocks_do() -> None:
    began = datetime(2027, 3, 27, 12, tzinfo=UTC)
    expression = parse_schedule("rate(1 days)", "Europe/Berlin")
    assert next_times(expression, began, 2) == (
        began + timedelta(hours=24),
        began + timedelta(hours=48),
    )


def test_the_next_times_are_by_the_clock_of_the_time_zone() -> None:
    expression = parse_schedule("cron(0 9 ? * MON *)", "Europe/Berlin")
    assert shown(next_times(expression, datetime(2027, 3, 20, tzinfo=UTC))) == [
        "Mon 2027-03-22 09:00 +0100",
        "Mon 2027-03-29 09:00 +0200",
        "Mon 2027-04-05 09:00 +0200",
    ]


def test_a_schedule_that_ends_has_fewer_next_times() -> None:
    ending = parse_schedule("cron(0 9 25,26 11 ? 2026)")
    assert shown(next_times(ending, NOW)) == [
        "Wed 2026-11-25 09:00 +0000",
        "Thu 2026-11-26 09:00 +0000",
    ]
    assert len(next_times(parse_schedule("at(2026-11-25T09:00:00)"), NOW)) == 1
    assert next_times(parse_schedule("at(2020-11-25T09:00:00)"), NOW) == ()


@pytest.mark.parametrize(
    ("text", "zone", "exists"),
    [
        ("cron(0 9 30 2 ? *)", "UTC", False),
        ("cron(0 9 29 2 ? 2027)", "UTC", False),
        ("cron(0 9 29 2 ? 2028)", "UTC", True),
        ("cron(0 9 31 4,6,9,11 ? *)", "UTC", False),
        ("cron(30 2 28 3 ? 2027)", "Europe/Berlin", False),
        ("cron(30 2 28 3 ? 2027)", "UTC", True),
        ("cron(0 0 1 1 ? 1970)", "Pacific/Kiritimati", True),
    ],
)
def test_a_time_that_no_calendar_has_never_comes(text: str, zone: str, exists: bool) -> None:
    expression = parse_schedule(text, zone)
    assert isinstance(expression, Cron)
    assert (expression.first is not None) is exists


def test_a_time_zone_says_when_a_single_time_comes() -> None:
    expression = parse_schedule("at(2030-07-01T09:00:00)", "Europe/Berlin")
    assert expression == At(datetime(2030, 7, 1, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "; did you mean Europe/Berlin?"),
        ("europe/berlin", "; did you mean Europe/Berlin?"),
        ("Europe/Berln", "; did you mean Europe/Berlin?"),
        ("America/New York", "; did you mean America/New_York?"),
        ("utc", "; did you mean UTC?"),
        ("GMT+1", "; an offset knows no daylight saving, so name a city"),
        ("CEST", ""),
        ("Mars/Olympus", ""),
        ("../../etc/passwd", ""),
        ("", ""),
    ],
)
def test_a_name_that_is_no_time_zone_is_refused_with_one_like_it(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is no time zone of the IANA database") as refused:
        time_zone(name)
    assert str(refused.value).endswith(f"such as Europe/Berlin{hint}")


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    schedule._zone_names.cache_clear()
    monkeypatch.setattr(schedule, "available_timezones", set)
    yield
    schedule._zone_names.cache_clear()


@pytest.mark.usefixtures("no_database")
def test_utc_is_known_without_a_database_and_others_say_what_to_install() -> None:
    assert time_zone("UTC") is UTC
    assert next_times(parse_schedule("cron(0 9 ? * * *)"), NOW, 1) == (
        NOW.replace(hour=9, minute=0),
    )
    with pytest.raises(ValueError, match="install the Python package tzdata"):
        time_zone("Europe/Berlin")
