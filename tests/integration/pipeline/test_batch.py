"""A model that is asked in batches, from its spec to a user's file of questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli.runs import list_hosting, usd_per_month
from tests.integration.pipeline.cloud import EXAMPLE, Cloud, eventually, write_task

pytestmark = pytest.mark.slow

NUM_QUESTIONS = 40


def questions(folder: Path, *more: str) -> Path:
    """Chats, and more prompts."""
    rows = [json.loads(line) for line in (EXAMPLE / "dataset.jsonl").read_text().splitlines()]
    prompts = [*(row["prompt"] for row in rows[:NUM_QUESTIONS]), *more]
    lines = [json.dumps({"messages": [{"role": "user", "content": each}]}) for each in prompts]
    path = folder / "hands.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_spec_in_batch_mode_ends_with_a_model_that_answers_files(cloud: Cloud, tmp_path: Path):
    folder = write_task(
        tmp_path / "nightly",
        "nightly",
        constraints={"max_usd_per_1000_requests": 10, "max_training_hours": 0.2},
        hosting={"mode": "batch"},
    )
    run_id = cloud.submit(folder)
    row = cloud.finish(run_id)
    summary = cloud.summary(run_id)
    assert row.status == "succeeded", summary.reason
    assert summary.endpoint is None
    assert summary.batch is not None
    (measured,) = summary.measurements
    batch = measured.batch
    assert batch == summary.batch.measured
    assert batch is not None
    assert (batch.num_requests, batch.num_failed) == (50, 0)
    assert batch.accuracy is not None
    assert batch.cold_start_seconds is not None
    assert 0 < batch.cold_start_seconds <= batch.seconds
    (cost,) = [c for c in summary.constraints if c.name == "max_usd_per_1000_requests"]
    assert cost.passed
    phases = {phase.name: phase for phase in summary.phases}
    assert phases["MeasureBatch"].cost_usd == pytest.approx(batch.usd)
    assert not {"TakeTurn", "MeasureEndpoint"} & set(phases)
    assert cloud.billable() == {"jobs": [], "endpoints": []}
    assert not cloud.processes("-m serving")

    (listed,) = [item for item in list_hosting(cloud.stack) if item.run_id == run_id]
    assert listed.live
    assert usd_per_month(listed) is not None

    answered = CliRunner().invoke(
        cli.app,
        ["batch", run_id, str(questions(tmp_path)), "--to", str(tmp_path / "out"), "--json"],
    )
    assert answered.exit_code == 0, answered.output
    told = json.loads(answered.output.splitlines()[-1])
    assert (told["num_requests"], told["num_failed"]) == (NUM_QUESTIONS, 0)
    assert told["usd"] > 0
    content = (tmp_path / "out" / "hands.answers.jsonl").read_text()
    answers = [json.loads(line) for line in content.splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, NUM_QUESTIONS + 1))
    assert all("answer" in answer for answer in answers)

    long = questions(tmp_path, "z1" * 1_000)  # as only its tokens tell
    failed = CliRunner().invoke(cli.app, ["batch", run_id, str(long), "--to", str(tmp_path / "no")])
    assert failed.exit_code != 0
    assert f"line {NUM_QUESTIONS + 1} may be too long" in str(failed.exception)
    assert cloud.billable() == {"jobs": [], "endpoints": []}

    deleted = CliRunner().invoke(cli.app, ["delete", run_id])
    assert f"deleted {listed.batch_model_name}" in deleted.output.replace("\n", " ")
    assert cloud.stack.sagemaker.list_models()["Models"] == []


def test_a_run_that_is_stopped_in_its_batch_leaves_neither_job_nor_model(
    cloud: Cloud, tmp_path: Path
):
    folder = write_task(
        tmp_path / "stopped",
        "stopped",
        constraints={"max_training_hours": 0.5},
        load={"requests_per_second": 20, "measure_seconds": 100},
        hosting={"mode": "batch"},
    )
    run_id = cloud.submit(folder)

    def at_work() -> bool:
        listed = cloud.stack.sagemaker.list_transform_jobs(NameContains=run_id)
        return any(
            job["TransformJobStatus"] == "InProgress" for job in listed["TransformJobSummaries"]
        )

    eventually(at_work)
    stopped = CliRunner().invoke(cli.app, ["stop", run_id])
    assert stopped.exit_code == 0, stopped.output
    row = cloud.finish(run_id)
    assert (row.status, row.live) == ("stopped", False)
    eventually(lambda: cloud.billable() == {"jobs": [], "endpoints": []}, 60)
    eventually(lambda: not cloud.stack.sagemaker.list_models(NameContains=run_id)["Models"], 60)
    assert not cloud.processes("-m serving")
    (job,) = cloud.stack.sagemaker.list_transform_jobs(NameContains=run_id)["TransformJobSummaries"]
    assert job["TransformJobStatus"] == "Stopped"
