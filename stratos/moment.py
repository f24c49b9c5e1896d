"""Moments: points in time, always with their UTC offset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer


def written(moment: datetime) -> str:
    """ISO 8601, with milliseconds if there are any."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


Moment = Annotated[AwareDatetime, PlainSerializer(written, return_type=str, when_used="json")]
"""A field of a record: a time with its offset, serialised by `written`."""


def now() -> datetime:
    """The current time in UTC, to the millisecond."""
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def to_the_second(moment: datetime) -> datetime:
    """The same moment without what schedules, tags and people have no use for."""
    return moment.replace(microsecond=0)
