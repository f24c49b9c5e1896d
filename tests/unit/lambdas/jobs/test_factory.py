"""Training jobs as SageMaker is asked for them, and what each of them may read."""

from __future__ import annotations

import json

import pytest
from botocore.stub import Stubber

from lambdas.aws import run_roles
from lambdas.aws.settings import settings
from stratos.contracts.bucket import RunKeys
from stratos.contracts.job_start import (
    CODE_SHA256,
    CONTAINER_ARGUMENTS,
    CONTAINER_ENTRYPOINT,
    PACKAGES_SHA256,
    PRIVATE_HOSTS,
)
from stratos.contracts.jobs import AnyJobConfig
from stratos.pipeline.steps import TrainingJob
from stratos.planning.forecast.start_up import job_start
from tests.unit.lambdas.conftest import BUCKET, Account
from tests.unit.lambdas.pipeline import start


def request_of(job: TrainingJob) -> dict[str, object]:
    """As the state machine fills it in."""
    return {
        "TrainingJobName": job.name,
        "AlgorithmSpecification": {
            "TrainingImage": job.image_uri,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": list(CONTAINER_ENTRYPOINT),
            "ContainerArguments": list(CONTAINER_ARGUMENTS),
        },
        "HyperParameters": job.hyper_parameters,
        "InputDataConfig": job.input_data_config,
        "OutputDataConfig": job.output_data_config,
        "ResourceConfig": job.resource_config,
        "StoppingCondition": job.stopping_condition,
        "CheckpointConfig": job.checkpoint_config,
        "Environment": job.environment,
        "EnableManagedSpotTraining": job.spot,
        "RoleArn": "arn:aws:iam::123456789012:role/training",
    }


STEPS = {"synthesize", "distill", "evaluate"}


def channels(job: TrainingJob) -> dict[str, str]:
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in job.input_data_config
    }


@pytest.mark.parametrize(
    ("roles", "named"), [("own", "stratos/us-east-1/stratos-{}-job"), ("shared", "batches")]
)
def test_bedrock_gets_the_role_that_a_job_may_pass(
    account: Account, roles: str, named: str
) -> None:
    pipeline = start(account)
    pipeline.roles = roles  # an execution of before says nothing, which is "shared"
    jobs = pipeline.until_planned().state["candidates"]["probes"]
    role = f"arn:aws:iam::123456789012:role/{named.format(pipeline.run.run_id)}"
    assert {job["environment"]["STRATOS_BEDROCK_ROLE_ARN"] for job in jobs} == {role}
    made = [name for name, _, _ in run_roles.listed()]
    assert len(made) == (2 if roles == "own" else 0)


def test_probes_are_prepared_for_the_candidates_of_the_plan(account: Account) -> None:
    candidates = start(account).until_planned().state["candidates"]
    probes = [TrainingJob.model_validate(job) for job in candidates["probes"]]
    assert [job.step for job in probes] == ["probe-t0", "probe-s0"]
    for job in probes:
        assert job.hyper_parameters == {}
        assert set(channels(job)) == {"code", "packages", "config", "dataset", "model", "checker"}
        assert channels(job)["dataset"].endswith("/dataset/probe.jsonl")
    assert channels(probes[1])["model"] == f"s3://{BUCKET}/specs/tiles/models/student/"


def test_jobs_are_told_the_hashes_of_what_they_unpack(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_SHA256", "a" * 64)
    monkeypatch.setenv("PACKAGES_SHA256", "b" * 64)
    settings.cache_clear()
    candidates = start(account).until_planned().state["candidates"]
    job = TrainingJob.model_validate(candidates["probes"][0])
    assert (job.environment[CODE_SHA256], job.environment[PACKAGES_SHA256]) == ("a" * 64, "b" * 64)


def test_jobs_are_told_which_private_hosts_they_may_ask(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str | None]:
        candidates = start(account).until_planned().state["candidates"]
        probes = [TrainingJob.model_validate(job) for job in candidates["probes"]]
        return [job.environment.get(PRIVATE_HOSTS) for job in probes]

    assert set(told()) == {None}
    monkeypatch.setenv("PRIVATE_HOSTS", "gateway.example")
    settings.cache_clear()
    assert set(told()) == {"gateway.example"}


def test_a_job_brings_its_code_and_the_packages_that_its_image_lacks(
    account: Account,
) -> None:
    candidates = start(account).until_planned().state["candidates"]
    given = channels(TrainingJob.model_validate(candidates["probes"][0]))
    assert given["code"] == f"s3://{BUCKET}/source.tar.gz"
    assert given["packages"] == f"s3://{BUCKET}/packages.tar.gz"


def test_every_job_of_a_match_is_a_request_that_sagemaker_accepts(account: Account) -> None:
    pipeline = start(account).until_matched()
    jobs = [
        *pipeline.state["candidates"]["probes"],
        *(pipeline.state["match"][name] for name in ("synthesize", "distill", "evaluate")),
    ]
    client = account.client("sagemaker")
    for job in (TrainingJob.model_validate(job) for job in jobs):
        request = request_of(job)
        with Stubber(client) as stubber:
            stubber.add_response("create_training_job", {"TrainingJobArn": "a" * 60}, request)
            client.create_training_job(**request)
        assert len(job.name) <= 63
        assert all(len(value) <= 2500 for value in job.hyper_parameters.values())


def test_jobs_see_only_what_they_need(account: Account) -> None:
    match = start(account).until_matched().state["match"]
    synthesize = TrainingJob.model_validate(match["synthesize"])
    distill = TrainingJob.model_validate(match["distill"])
    assert channels(synthesize)["dataset"].endswith("/dataset/train.jsonl")
    started = {"code", "packages", "config"}
    assert set(channels(distill)) == started | {"records", "student"}
    assert channels(distill)["records"].endswith("/records/a0/")


def test_configurations_parse_as_what_their_jobs_read(account: Account) -> None:
    from pydantic import TypeAdapter

    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    adapter: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)
    kinds = {
        step: adapter.validate_json(account.read(keys.job_config(step) + "config.json")).kind
        for step in ("probe-t0", "probe-s0", "synthesize-a0", "distill-a0", "evaluate-a0")
    }
    assert kinds == {
        "probe-t0": "probe",
        "probe-s0": "probe",
        "synthesize-a0": "synthesize",
        "distill-a0": "distill",
        "evaluate-a0": "evaluate",
    }


def test_sagemakers_own_limit_leaves_room_for_a_slow_start_and_the_upload(account: Account) -> None:
    pipeline = start(account).until_planned()
    keys = RunKeys(pipeline.run.run_id)
    for job in map(TrainingJob.model_validate, pipeline.state["candidates"]["probes"]):
        config = json.loads(account.read(keys.job_config(job.step) + "config.json"))
        asked = job.resource_config["InstancePreferences"]
        billed = max(job_start(one["InstanceType"]).billed_seconds for one in asked)
        room = job.stopping_condition["MaxRuntimeInSeconds"] - config["deadline_seconds"]
        assert room > 2 * billed


def test_a_checker_runs_in_no_job_whose_result_decides_a_gate(account: Account) -> None:
    match = start(account).until_matched().state["match"]
    jobs = {step: TrainingJob.model_validate(match[step]) for step in match if step in STEPS}
    assert {step for step, job in jobs.items() if "checker" in channels(job)} == {"synthesize"}
    assert set(jobs) == STEPS
