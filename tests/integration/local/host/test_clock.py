"""The scheduler on a clock that runs fast."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from moto_cloud import ROLE, running_cloud

from infra.local.events.scheduler import Scheduler


def test_a_fast_clock_shows_a_weekly_schedule_within_moments(tmp_path: Path) -> None:
    with running_cloud(tmp_path, Scheduler(), clock_scale=7 * 86400 * 4) as cloud:
        url, arn = cloud.create_queue("fast")
        cloud("scheduler").create_schedule(
            Name="fast",
            ScheduleExpression="rate(7 days)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": arn,
                "RoleArn": ROLE,
                "Input": '{"at": "<aws.scheduler.scheduled-time>"}',
            },
        )
        first, second = (datetime.fromisoformat(cloud.receive(url)["Body"]["at"]) for _ in range(2))
    assert (second - first) % timedelta(days=7) == timedelta()
    assert second != first  # a queue keeps no order
