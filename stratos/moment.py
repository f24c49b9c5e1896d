"""Moments: times that say which one they are, everywhere in the world."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer


def written(moment: datetime) -> str:
    """ISO 8601, in milliseconds where it has any."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


Moment = Annotated[AwareDatetime, PlainSerializer(written, return_type=str, when_used="json")]
"""A field of a record: a time with its offset, written as `written` does."""


def now() -> datetime:
    """The present moment in UTC, in milliseconds."""
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


def to_the_second(moment: datetime) -> datetime:
    """The same moment without what schedules, tags and people have no use for."""
    return moment.replace(microsecond=0)
