"""Synthesis and evaluation on three servers each: killed, stopped, and as on one server."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE, RunKeys
from stratos.contracts.jobs import EvaluateConfig, EvaluateResult, SynthesizeResult
from tests.integration.pipeline.cloud import Cloud, eventually, write_task

pytestmark = pytest.mark.slow

HOURS = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2}
SHARED = HOURS | {"servers_per_step": 3}
NOTHING = {"jobs": [], "endpoints": []}


def entered(cloud: Cloud, run_id: str) -> list[str]:
    """The states that a run has been in."""
    row = cloud.row(run_id)
    assert row is not None
    pages = cloud.stack.states.get_paginator("get_execution_history")
    found = pages.paginate(executionArn=row.execution_arn)
    told = (event.get("stateEnteredEventDetails") for page in found for event in page["events"])
    return [str(event["name"]) for event in told if event]


def names(cloud: Cloud, run_id: str, step: str) -> list[str]:
    """What the jobs of a step are called, without the run."""
    found = (job["TrainingJobName"].removeprefix(f"{run_id}-") for job in cloud.jobs(run_id))
    return sorted(name for name in found if name.startswith(step))


def written(cloud: Cloud, run_id: str) -> list[bytes]:
    """The bytes of what synthesis kept, and of what it rejected."""
    folder = RunKeys(run_id).records_of(0)
    bucket = cloud.stack.bucket
    return [
        cloud.stack.s3.get_object(Bucket=bucket, Key=folder + name)["Body"].read()
        for name in (RECORDS_FILE, REJECTED_FILE)
    ]


def stop_at(cloud: Cloud, run_id: str, state: str) -> None:
    eventually(lambda: cloud.state(run_id) == state, doing=lambda: cloud.doing(run_id))
    row = cloud.row(run_id)
    assert row is not None
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"


def test_three_servers_make_what_one_makes_also_if_a_job_is_killed(cloud: Cloud, tmp_path: Path):
    alone = cloud.submit(write_task(tmp_path / "one", "alone", constraints=HOURS))
    stop_at(cloud, alone, "Distill")
    shared = cloud.submit(write_task(tmp_path / "three", "shared", constraints=SHARED))

    def second_shard() -> bool:
        for process in cloud.processes("training.synthesize"):
            if "synthesize-a0-s1-0" in process.cwd():
                process.kill()
                return True
        return False

    eventually(second_shard, pause=0.05, doing=lambda: cloud.doing(shared))
    row = cloud.finish(shared)
    summary = cloud.summary(shared)
    assert row.status == "succeeded", summary.reason
    assert written(cloud, shared) == written(cloud, alone)

    again = [f"synthesize-a0-s{shard}" for shard in ("0-0", "1-0", "1-1", "2-0")]
    assert names(cloud, shared, "synthesize") == again
    assert names(cloud, shared, "evaluate") == [f"evaluate-a0-s{shard}-0" for shard in range(3)]
    states = entered(cloud, shared)
    assert [state for state in states if "Shards" in state or "Gather" in state] == [
        "SynthesizeShards",
        "GatherSynthesize",
        "EvaluateShards",
        "GatherEvaluate",
    ]
    assert not {"Synthesize", "Evaluate"} & set(states)
    assert not any("Shards" in state for state in entered(cloud, alone))

    keys = RunKeys(shared)
    synthesis = SynthesizeResult.model_validate(cloud.read_json(keys.job_result("synthesize-a0")))
    of_one = SynthesizeResult.model_validate(
        cloud.read_json(RunKeys(alone).job_result("synthesize-a0"))
    )
    compared = {"asked", "kept", "rejects", "yield_by_strategy", "mean_completion_tokens"}
    assert synthesis.model_dump(include=compared) == of_one.model_dump(include=compared)
    evaluation = EvaluateResult.model_validate(cloud.read_json(keys.job_result("evaluate-a0")))
    parts = [
        EvaluateResult.model_validate(cloud.read_json(keys.job_result(f"evaluate-a0-s{shard}")))
        for shard in range(3)
    ]
    assert evaluation.student.n == sum(part.student.n for part in parts) == 50
    assert evaluation.student.successes == sum(part.student.successes for part in parts)
    config = EvaluateConfig.model_validate(
        cloud.read_json(keys.job_config("evaluate-a0-s2") + "config.json")
    )
    assert config.shard is not None
    assert (config.shard.index, config.shard.count) == (2, 3)

    phases = {phase.name: phase for phase in summary.phases}
    assert phases["Synthesize"].cost_usd > 0
    assert phases["Evaluate"].cost_usd > 0
    assert any("synthesis over 3 servers" in note for note in summary.notes)
    assert cloud.billable()["jobs"] == []
    cloud.stack.sagemaker.delete_endpoint(EndpointName="stratos-shared")


def test_a_run_stopped_among_its_shards_leaves_nothing_billable(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "amid", constraints=SHARED))

    def running() -> list[str]:
        return [name for name in cloud.billable()["jobs"] if "-synthesize-a0-s" in name]

    eventually(running, pause=0.05, doing=lambda: cloud.doing(run_id))
    row = cloud.row(run_id)
    assert row is not None
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"
    eventually(lambda: cloud.billable() == NOTHING)
    listed = cloud.stack.states.list_map_runs(executionArn=row.execution_arn)["mapRuns"]
    [described] = [
        cloud.stack.states.describe_map_run(mapRunArn=one["mapRunArn"]) for one in listed
    ]
    assert described["status"] == "ABORTED"
    jobs = [job for job in cloud.jobs(run_id) if "-synthesize-" in job["TrainingJobName"]]
    assert {job["TrainingJobStatus"] for job in jobs} <= {"Stopped", "Completed"}
    assert "Stopped" in {job["TrainingJobStatus"] for job in jobs}
