"""The attempt that follows a failed job, and what it may still spend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.aws.run_files import RunFiles
from lambdas.gathering.model_pool import model_pool
from lambdas.jobs.distillation import DistillationJobs
from lambdas.jobs.factory import JobFactory, types_asked
from lambdas.jobs.retries import EXPORT_SECONDS
from lambdas.jobs.spending import job_costs
from stratos.contracts.bucket import RunKeys
from stratos.contracts.messages import Message
from stratos.pipeline.steps import TrainingJob
from stratos.planning.disk import LEAST_GIB
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.diagnosing import diagnose
from tests.unit.lambdas.pipeline import Pipeline, start
from tests.unit.training.fakes import PaidTeacher
from training.teachers.cached import CachedTeacher
from training.teachers.teacher import Request


def test_a_crash_is_tried_again_twice_under_new_names_with_the_same_checkpoints(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    names = {job["name"]}
    for _ in range(2):
        diagnosis = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")
        assert (diagnosis["outcome"], diagnosis["retry"]) == ("crash", True)
        assert diagnosis["job"]["checkpoint_config"] == job["checkpoint_config"]
        job = diagnosis["job"]
        names.add(job["name"])
    assert len(names) == 3
    last = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")
    assert (last["retry"], last["job"]) == (False, job)
    assert "SIGKILL" in last["reason"]


def others_become(pipeline: Pipeline, account: Account, **training: Any) -> None:
    """Change the training server of every plan but the chosen one, in the evidence."""
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    here = evidence["matching"]["plan"]["training"]["instance_type"]
    plans = evidence["matching"]["plans"]
    for plan in (*plans["fallbacks"], *plans["front"]):
        if plan["training"]["instance_type"] != here:
            plan["training"] |= training
    account.put(key, json.dumps(evidence))


def config_of(pipeline: Pipeline, account: Account, step: str) -> dict[str, Any]:
    key = RunKeys(pipeline.run.run_id).job_config(step) + "config.json"
    config: dict[str, Any] = json.loads(account.read(key))
    return config


def test_no_capacity_on_any_preference_moves_to_a_server_with_another_image(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    assert set(types_asked(job["resource_config"])) == {"ml.local.cpu1", "ml.local.cpu2"}
    others_become(pipeline, account, instance_type="ml.g5.xlarge", usd_per_hour=7.5)
    diagnosis = diagnose(pipeline, job, "CapacityError: Unable to provision")
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("capacity", True)
    moved = TrainingJob.model_validate(diagnosis["job"])
    assert types_asked(moved.resource_config) == ("ml.g5.xlarge",)
    assert moved.image_uri != job["image_uri"]
    config = config_of(pipeline, account, "distill-a0")
    assert config["usd_per_hour"] == moved.usd_per_hour == 7.5
    asked = [server["instance_type"] for server in config["servers"]]
    assert sorted(asked) == ["ml.g5.xlarge", "ml.local.cpu1", "ml.local.cpu2"]
    again = diagnose(pipeline, diagnosis["job"], "CapacityError: Unable to provision")
    assert not again["retry"]


def test_training_elsewhere_asks_for_the_disk_that_it_needs_there(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    assert job["ebs_gib"] == job["resource_config"]["VolumeSizeInGB"] > LEAST_GIB
    others_become(pipeline, account, instance_type="ml.g5.xlarge")
    moved = diagnose(pipeline, job, "CapacityError: Unable to provision")["job"]
    assert moved["resource_config"]["VolumeSizeInGB"] == LEAST_GIB
    others_become(pipeline, account, instance_type="ml.m5.xlarge")
    back = diagnose(pipeline, moved, "CapacityError: Unable to provision")["job"]
    assert back["resource_config"]["VolumeSizeInGB"] == job["ebs_gib"] == back["ebs_gib"]


def test_a_job_from_before_its_need_was_kept_asks_for_as_much_as_before(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    asked = job["resource_config"]["VolumeSizeInGB"]
    del job["ebs_gib"]
    others_become(pipeline, account, instance_type="ml.m5.xlarge")
    moved = diagnose(pipeline, job, "CapacityError: Unable to provision")["job"]
    assert moved["resource_config"]["VolumeSizeInGB"] == asked


def test_training_elsewhere_starts_the_processes_that_were_planned_there(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    assert job["environment"]["STRATOS_PROCESSES_PER_HOST"] == "1"
    others_become(pipeline, account, instance_type="ml.g5.12xlarge", devices=4)
    moved = diagnose(pipeline, job, "CapacityError: Unable to provision")["job"]
    kept = job["environment"] | {"STRATOS_PROCESSES_PER_HOST": "4"}
    assert moved["environment"] == kept
    assert "STRATOS_PROCESSES_PER_HOST" not in pipeline.state["match"]["evaluate"]["environment"]


def test_a_quota_that_is_used_up_leaves_the_other_preferences(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["synthesize"]
    first, second = types_asked(job["resource_config"])
    diagnosis = diagnose(
        pipeline, job, f"ResourceLimitExceeded: '{first} for training job usage' is 0 Instances"
    )
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("quota", True)
    assert types_asked(diagnosis["job"]["resource_config"]) == (second,)
    assert f"on {second}" in diagnosis["reason"]


def on_spot(pipeline: Pipeline, account: Account) -> dict[str, Any]:
    """The training job of a match that chose managed spot."""
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    evidence["matching"]["plan"]["training"]["purchase"] = "spot"
    account.put(key, json.dumps(evidence))
    spec = RunFiles(pipeline.run).spec()
    pool = model_pool(pipeline.run, spec)
    jobs = DistillationJobs(JobFactory(pipeline.run, spec), pipeline.evidence(), pool)
    return jobs.distill().model_dump()


@pytest.mark.parametrize(
    ("reason", "described"),
    [
        ("CapacityError: Unable to provision", {}),
        ("", {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"}),
    ],
)
def test_spot_that_never_comes_moves_to_the_same_type_on_demand(
    account: Account, reason: str, described: dict[str, Any]
) -> None:
    pipeline = start(account).until_matched()
    job = on_spot(pipeline, account)
    [spot_type] = types_asked(job["resource_config"])
    assert job["spot"]
    assert "MaxWaitTimeInSeconds" in job["stopping_condition"]
    diagnosis = diagnose(pipeline, job, reason, **described)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("capacity", True)
    moved = TrainingJob.model_validate(diagnosis["job"])
    assert not moved.spot
    assert "MaxWaitTimeInSeconds" not in moved.stopping_condition
    assert types_asked(moved.resource_config)[0] == spot_type
    assert len(types_asked(moved.resource_config)) == 2


def test_spot_that_its_quota_refuses_moves_to_the_same_type_on_demand(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = on_spot(pipeline, account)
    [spot_type] = types_asked(job["resource_config"])
    refused = f"ResourceLimitExceeded: '{spot_type} for spot training job usage' is 0 Instances"
    diagnosis = diagnose(pipeline, job, refused)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("quota", True)
    first, second = types_asked(diagnosis["job"]["resource_config"])
    assert (diagnosis["job"]["spot"], first) == (False, spot_type)
    reason = f"ResourceLimitExceeded: '{second} for training job usage' is 0 Instances"
    last = diagnose(pipeline, diagnosis["job"], reason)["job"]
    assert (last["spot"], types_asked(last["resource_config"])) == (False, (spot_type,))


def test_spot_moves_down_the_front_where_the_budget_does_not_last_for_its_type(
    account: Account,
) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 5.0}).until_matched()
    job = on_spot(pipeline, account)
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    evidence["matching"]["plan"]["usd_to_deploy"]["value"] = 5.0
    account.put(key, json.dumps(evidence))
    moved = diagnose(pipeline, job, "CapacityError: Unable to provision")["job"]
    assert types_asked(moved["resource_config"]) != types_asked(job["resource_config"])
    assert not set(types_asked(job["resource_config"])) & set(types_asked(moved["resource_config"]))


def test_spot_that_was_taken_back_late_still_only_exports(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = on_spot(pipeline, account)
    described = {
        "TrainingJobStatus": "Stopped",
        "SecondaryStatus": "MaxWaitTimeExceeded",
        "TrainingStartTime": 1_700_000_000,
    }
    assert diagnose(pipeline, job, "", **described)["outcome"] == "timeout"


def test_what_a_person_must_mend_is_not_tried_again(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["synthesize"]
    diagnosis = diagnose(pipeline, job, "AlgorithmError: TooFewVerifiedRecords: kept 3 of 300")
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("user_error", False)
    assert diagnosis["reason"] == "TooFewVerifiedRecords: kept 3 of 300"


def test_training_that_ran_out_of_time_exports_its_best_checkpoint(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    described = {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
    diagnosis = diagnose(pipeline, job, "", **described)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("timeout", True)
    key = RunKeys(pipeline.run.run_id).job_config("distill-a0") + "config.json"
    assert json.loads(account.read(key))["deadline_seconds"] == EXPORT_SECONDS
    assert not diagnose(pipeline, diagnosis["job"], "", **described)["retry"]


def test_tokens_of_failed_attempts_are_spent_and_the_next_attempt_has_less(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    job = TrainingJob.model_validate(pipeline.state["match"]["synthesize"])
    account.create_job(job)
    config_key = keys.job_config("synthesize-a0") + "config.json"
    budget = json.loads(account.read(config_key))["budget_usd"]
    progress_key = keys.job_progress("synthesize-a0")
    account.put(progress_key, factories.progress(usd=0.25).model_dump_json())
    before = sum(cost.usd for cost in job_costs(pipeline.run))
    second = diagnose(pipeline, job.model_dump(), "AlgorithmError: , exit code: 137")["job"]
    config = json.loads(account.read(config_key))
    assert (config["spent_usd"], config["budget_usd"]) == (0.25, pytest.approx(budget - 0.25))
    account.create_job(TrainingJob.model_validate(second))
    assert [cost.token_usd for cost in job_costs(pipeline.run)] == [0.0, 0.25]
    assert sum(cost.token_usd for cost in job_costs(pipeline.run)) <= before
    account.put(progress_key, factories.progress(usd=0.4).model_dump_json())
    diagnose(pipeline, second, "AlgorithmError: , exit code: 137")
    config = json.loads(account.read(config_key))
    assert (config["spent_usd"], config["budget_usd"]) == (0.4, pytest.approx(budget - 0.4))


def test_what_kept_answers_cost_is_counted_once_over_all_attempts(
    account: Account, tmp_path: Path
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    job = pipeline.state["match"]["synthesize"]
    account.create_job(TrainingJob.model_validate(job))
    config_key = keys.job_config("synthesize-a0") + "config.json"

    def spending(attempt: int, num_calls: int) -> tuple[float, float]:
        """Dollars that an attempt tells of and has left, after some calls beside the kept ones."""
        config = json.loads(account.read(config_key))
        teacher, budget = PaidTeacher(), config["budget_usd"]
        cached = CachedTeacher(teacher, tmp_path / "completions.jsonl", config["spent_usd"])
        asked = [Message(role="user", content=f"{n}?") for n in range((attempt + 1) * num_calls)]
        requests = [Request((message,), 8) for message in asked]
        cached.generate(requests, stop=lambda: False, on_answer=lambda *_: None)
        assert len(teacher.asked) == num_calls
        usd = config["spent_usd"] + cached.usage.usd
        account.put(
            keys.job_progress("synthesize-a0"), factories.progress(usd=usd).model_dump_json()
        )
        return usd, budget - cached.usage.usd

    _, left = spending(0, 2)
    budget = left + 2 * PaidTeacher.usd
    for attempt in (1, 2):
        job = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")["job"]
        usd, left = spending(attempt, 2)
        assert usd == pytest.approx(2 * (attempt + 1) * PaidTeacher.usd)
        assert usd + left == pytest.approx(budget)


def without(pipeline: Pipeline, account: Account, step: str, *fields: str) -> dict[str, Any]:
    """Store a job's configuration as a release wrote it that had no such fields."""
    config = config_of(pipeline, account, step)
    for field in fields:
        del config[field]
    account.put(RunKeys(pipeline.run.run_id).job_config(step) + "config.json", json.dumps(config))
    return config


@pytest.mark.parametrize(
    ("reason", "described"),
    [
        ("CapacityError: Unable to provision", {}),
        ("", {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}),
    ],
)
def test_a_job_planned_by_an_earlier_release_is_told_no_field_that_it_does_not_know(
    account: Account, reason: str, described: dict[str, Any]
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    others_become(pipeline, account, instance_type="ml.g5.xlarge", usd_per_hour=7.5)
    before = without(pipeline, account, "distill-a0", "servers", "gguf_required", "batch_size")
    assert diagnose(pipeline, job, reason, **described)["retry"]
    after = config_of(pipeline, account, "distill-a0")
    assert after.keys() == before.keys()
    assert after != before


def test_a_server_in_an_earlier_configuration_gets_no_field_that_it_lacks(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    others_become(pipeline, account, instance_type="ml.g5.xlarge", usd_per_hour=7.5)
    config = config_of(pipeline, account, "distill-a0")
    for server in config["servers"]:
        del server["replicas"]
    account.put(
        RunKeys(pipeline.run.run_id).job_config("distill-a0") + "config.json", json.dumps(config)
    )
    diagnose(pipeline, job, "CapacityError: Unable to provision")
    servers = config_of(pipeline, account, "distill-a0")["servers"]
    assert len(servers) == len(config["servers"]) + 1
    assert not any("replicas" in server for server in servers)
