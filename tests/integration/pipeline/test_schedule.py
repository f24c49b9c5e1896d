"""A scheduled rerun ends early when nothing changed, and runs when something did."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.pipeline.summary import RunSummary
from tests.integration.pipeline.cloud import Cloud, eventually, running_cloud, write_task

pytestmark = pytest.mark.slow

SECONDS_A_WEEK = 7 * 24 * 3600


def test_a_weekly_schedule_reruns_only_what_changed(tmp_path: Path):
    with running_cloud(tmp_path / "cloud", clock_scale=SECONDS_A_WEEK / 20) as cloud:
        for rule in cloud.client("events").list_rules()["Rules"]:
            if "ScheduleExpression" in rule:  # the sweeper: hours are too short here
                cloud.client("events").disable_rule(Name=rule["Name"])
        weekly = {"schedule": "rate(7 days)", "hosting": {"keep": True}}
        folder = write_task(tmp_path / "task", "weekly", **weekly)
        first = cloud.submit(folder)
        assert cloud.finish(first).status == "succeeded", cloud.summary(first).reason
        schedules = cloud.client("scheduler").list_schedules(GroupName=cloud.stack.schedule_group)
        (schedule,) = schedules["Schedules"]
        detail = cloud.client("scheduler").get_schedule(
            Name=schedule["Name"], GroupName=cloud.stack.schedule_group
        )
        assert detail["ScheduleExpression"] == "rate(7 days)"

        unchanged = eventually(lambda: _ended(cloud, "unchanged"))
        assert "changed" in unchanged.reason
        assert cloud.jobs(unchanged.run_id) == []

        changed = (folder / "dataset.jsonl").read_text().splitlines()[:-20]
        cloud.stack.s3.put_object(
            Bucket=cloud.stack.bucket,
            Key="specs/weekly/dataset.jsonl",
            Body="\n".join(changed).encode(),
        )
        before = _runs(cloud)
        eventually(lambda: _runs(cloud) - before)
        # One is enough: the next weeks' would be at work beside it, on the same two cores.
        cloud.client("scheduler").delete_schedule(
            Name=schedule["Name"], GroupName=cloud.stack.schedule_group
        )
        # It may be a rerun that was in the queue when the dataset changed.
        rerun = eventually(lambda: _ended(cloud, "succeeded", but=first))
        assert rerun.spec_name == "weekly"
        assert cloud.jobs(rerun.run_id) != []


def _runs(cloud: Cloud) -> set[str]:
    items = cloud.stack.table.scan()["Items"]
    return {str(item["run_id"]) for item in items if "spec_key" in item}


def _ended(cloud: Cloud, status: str, but: str = "") -> RunSummary | None:
    """The summary of some other run that ended with this status."""
    for item in cloud.stack.table.scan()["Items"]:
        if item.get("status") == status and item["run_id"] != but:
            return cloud.summary(item["run_id"])
    return None
