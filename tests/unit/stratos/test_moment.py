"""Moments are read as they were ever written, and written in one way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from stratos.frozen import FrozenModel
from stratos.moment import Moment, now, to_the_second, written


class Note(FrozenModel):
    at: Moment


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("2026-11-24T08:00:00+00:00", "2026-11-24T08:00:00+00:00"),
        ("2026-11-24T08:00:00.120+00:00", "2026-11-24T08:00:00.120+00:00"),
        ("2026-11-24T08:00:00.120345+00:00", "2026-11-24T08:00:00.120+00:00"),
        ("2026-11-24T08:00:00.120Z", "2026-11-24T08:00:00.120+00:00"),
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00+00:00"),
    ],
)
def test_a_moment_is_read_with_and_without_milliseconds(found: str, kept: str) -> None:
    note = Note.model_validate_json(f'{{"at": "{found}"}}')
    assert note.model_dump(mode="json") == {"at": kept}
    assert Note.model_validate_json(note.model_dump_json()).at == datetime.fromisoformat(kept)


def test_a_time_of_no_place_in_the_world_is_no_moment() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Note.model_validate({"at": "2026-11-24T08:00:00"})


def test_a_moment_keeps_its_offset() -> None:
    moment = datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=1)))
    assert written(moment) == "2026-11-24T09:00:00+01:00"


def test_the_present_has_milliseconds_and_its_second_has_none() -> None:
    present = now()
    assert present.tzinfo is UTC
    assert present.microsecond % 1000 == 0
    assert len(written(to_the_second(present))) == len("2026-11-24T08:00:00+00:00")
    assert timedelta() <= present - to_the_second(present) < timedelta(seconds=1)
