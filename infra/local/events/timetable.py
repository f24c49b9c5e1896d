"""When each schedule and scheduled rule fires next."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stratos.spec.schedule import At, ScheduleExpression, parse_schedule

_INSTANT = timedelta(microseconds=1)


@dataclass
class Timetable:
    """The next time of one schedule; None once it has had its last."""

    expression: ScheduleExpression
    began: datetime
    ends: datetime | None
    due: datetime | None = None

    def __post_init__(self) -> None:
        self._move_on(self.began - _INSTANT)

    def take_due(self, now: datetime) -> datetime | None:
        """The time that has come, if one has, moving on to the next after `now`.

        Times missed in between are not made up for: a fast clock would fire them all at once.
        """
        due = self.due
        if due is None or due > now:
            return None
        self._move_on(now)
        return due

    def _move_on(self, after: datetime) -> None:
        following = self.expression.after(after, self.began)
        self.due = None if self.ends and following and following > self.ends else following


class Timetables:
    """Timetables by ARN, begun anew when what the schedule says changes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[Any, ...], Timetable]] = {}

    def of_schedule(self, schedule: Any, now: datetime) -> Timetable:
        """
        Raises:
            ValueError: the expression or its time zone cannot be read.
        """
        said = (
            schedule.schedule_expression,
            schedule.schedule_expression_timezone,
            schedule.start_date,
            schedule.end_date,
            schedule.creation_date,
        )

        def begin() -> Timetable:
            expression = parse_schedule(said[0], said[1])
            if isinstance(expression, At):  # has neither start nor end
                return Timetable(expression, now, None)
            start, end = (
                datetime.fromtimestamp(float(date), UTC) if date is not None else None
                for date in said[2:4]
            )
            return Timetable(expression, max(now, start) if start else now, end)

        return self._current(schedule.arn, said, begin)

    def of_rule(self, rule: Any, now: datetime) -> Timetable:
        """
        Raises:
            ValueError: the expression cannot be read.
        """
        said = (rule.scheduled_expression,)

        def begin() -> Timetable:
            return Timetable(parse_schedule(said[0], rate_fires_at_once=False), now, None)

        return self._current(rule.arn, said, begin)

    def keep(self, arns: Collection[str]) -> None:
        """Forget every schedule that is not among these."""
        self._known = {arn: known for arn, known in self._known.items() if arn in arns}

    def next_due(self) -> datetime | None:
        return min((table.due for _, table in self._known.values() if table.due), default=None)

    def _current(
        self, arn: str, said: tuple[Any, ...], begin: Callable[[], Timetable]
    ) -> Timetable:
        known = self._known.get(arn)
        if known is None or known[0] != said:
            known = self._known[arn] = (said, begin())
        return known[1]
