"""Services saved through their APIs: what was saved by an earlier version is made again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from infra.local.saved.records import Schedules
from moto_cloud import ROLE, running_cloud

from infra.local.cloudformation.resources.handler import cloud_at
from infra.local.events.scheduler import Scheduler

CREATED = "2026-11-01T06:00:00+00:00"


def saved(name: str, expression: str, **fields: Any) -> dict[str, Any]:
    """A schedule as a saved state has it."""
    request = {
        "Name": name,
        "GroupName": "default",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "DISABLED",
        "Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE, "Input": "{}"},
        **fields,
    }
    return {"request": request, "created": CREATED}


def test_saved_schedules_come_back_with_their_time_zone_or_utc(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [
        saved("weekly", "rate(7 days)", ScheduleExpressionTimezone="UTC"),
        saved("before-time-zones", "cron(0 6 ? * MON *)"),
        saved("berlin", "cron(0 6 ? * MON *)", ScheduleExpressionTimezone="Europe/Berlin"),
        saved("backwards", "cron(0 6 ? * MON 2040-2030)"),  # an earlier parser took it
    ]
    with running_cloud(tmp_path, Scheduler()) as running, caplog.at_level(logging.WARNING):
        schedules = Schedules()
        schedules.restore(cloud_at(running.settings.endpoint_url), records)
        scheduler = running("scheduler")
        found = {
            item["Name"]: scheduler.get_schedule(Name=item["Name"])
            for item in scheduler.list_schedules()["Schedules"]
        }
        again = schedules.save(cloud_at(running.settings.endpoint_url))
    zones = {name: schedule["ScheduleExpressionTimezone"] for name, schedule in found.items()}
    assert zones == {"weekly": "UTC", "before-time-zones": "UTC", "berlin": "Europe/Berlin"}
    assert found["weekly"]["StartDate"].minute == 0, "the rhythm of before"
    assert "schedule backwards is not made again: Invalid Schedule Expression" in caplog.text
    assert {record["request"]["Name"] for record in again} == set(zones)
