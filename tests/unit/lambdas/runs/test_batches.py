"""Runs whose model is asked in batches: measured by one, promoted without an endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws import transform_jobs
from lambdas.aws.clients import client
from lambdas.aws.run_files import RunFiles
from lambdas.handlers import clean_up, measure_batch, sweep
from lambdas.jobs.spending import outlay_of
from stratos.contracts.bucket import RunKeys
from stratos.contracts.measurements import BatchResult
from stratos.errors import DeploymentFailed
from stratos.hosting.ownership import RUN_TAG
from stratos.hosting.transform_job import BATCH_TAG
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import (
    BATCH,
    Pipeline,
    call,
    refused_answer,
    right_answer,
    start,
)

DENIED = {"Error": "SageMaker.ResourceLimitExceededException", "Cause": "the quota is 0"}


def models(account: Account) -> list[str]:
    listed = account.client("sagemaker").list_models()["Models"]
    return [model["ModelName"] for model in listed]


def half_refused(question: str) -> str:
    even = int(question.split(" s")[1][0]) % 2 == 0
    return refused_answer(question) if even else right_answer(question)


def instance_type(deployment: dict[str, Any]) -> str:
    return str(deployment["transform_job"]["transform_resources"]["InstanceType"])


def test_a_batch_of_heldout_questions_takes_the_place_of_an_endpoint(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    deployment = pipeline.state["quality"]["deployment"]
    assert "batch $" in pipeline.state["quality"]["reason"]
    assert not {"guardrails", "scaling", "production_variant"} & deployment.keys()
    asked = pipeline.transform(right_answer)
    heldout = account.read(RunKeys(pipeline.run.run_id).dataset + "heldout.jsonl").splitlines()
    assert len(asked) == len(heldout)
    assert (asked[0]["temperature"], asked[0]["model"]) == (0, "tiles")
    assert asked[0]["messages"] == json.loads(heldout[0])["messages"]
    measured = pipeline.measure_batch()
    assert measured["passed"], measured["reason"]
    batch = BatchResult.model_validate(measured["batch"])
    assert (batch.num_requests, batch.num_failed, batch.seconds) == (len(heldout), 0, 36)
    assert batch.cold_start_seconds == pytest.approx(6, abs=2)
    assert batch.accuracy is not None
    assert batch.accuracy.n == len(heldout)


def test_few_questions_come_again_to_fill_a_batch_of_the_declared_load(account: Account) -> None:
    load = {"requests_per_second": 10, "measure_seconds": 20}
    pipeline = start(account, **BATCH | {"load": load}).until_registered()
    asked = pipeline.transform(right_answer)
    assert len(asked) == 200
    heldout = account.read(RunKeys(pipeline.run.run_id).dataset + "heldout.jsonl").splitlines()
    assert asked[len(heldout)] == asked[0]
    accuracy = pipeline.measure_batch()["batch"]["accuracy"]
    assert accuracy["n"] == len(heldout)


def test_the_run_is_in_charge_without_an_end_and_without_an_endpoint(account: Account) -> None:
    pipeline = start(account, **BATCH).until_promoted()
    row = account.row(pipeline.run.run_id)
    assert row["batch_model_name"] == models(account)[0]
    assert row["live_since"]
    assert not {"endpoint_name", "expires_at"} & set(row)
    assert 0 < float(row["usd_per_hour"]) < 1
    tags = {tag["Key"]: tag["Value"] for tag in pipeline.state["quality"]["deployment"]["tags"]}
    assert tags["stratos:expires"] == "never"
    found = pipeline.summary()
    assert found.endpoint is None
    assert found.batch is not None
    assert found.reason.endswith("answers batches")
    assert {c.name: c.passed for c in found.constraints} == {"max_usd_per_1000_requests": True}
    (measured,) = found.measurements
    assert measured.batch == found.batch.measured
    assert account.client("sagemaker").list_endpoints()["Endpoints"] == []
    # Nothing of it is taken for a leftover.
    assert call(clean_up.handler, run=pipeline.run, failure=DENIED)["deleted"] == []
    assert call(sweep.handler)["removed"] == []


def test_a_later_run_takes_over_and_the_earlier_ones_model_goes(account: Account) -> None:
    first, second = (
        start(account, **BATCH).until_promoted(),
        start(account, **BATCH, description="again").until_promoted(),
    )
    assert "batch_model_name" not in account.row(first.run.run_id)
    assert account.row(second.run.run_id)["batch_model_name"] in models(account)
    assert second.state["match"]["evaluate"]["hyper_parameters"]["live_artifact"]
    served_by = first.evidence().plan.engine
    assert served_by is not None
    assert RunFiles(first.run).evaluate_config(0).live_precision is None
    assert RunFiles(second.run).evaluate_config(0).live_precision == served_by.precision
    account.stop_execution()
    removed = call(sweep.handler)["removed"]
    assert [item["kind"] for item in removed] == ["model"]
    assert first.run.run_id in removed[0]["name"]


def test_a_batch_does_not_take_over_from_an_endpoint_that_came_meanwhile(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer)
    pipeline.measure_batch()
    other = start(account).until_deployed()
    other.promote()
    with pytest.raises(DeploymentFailed, match=r"hosting\.mode is batch, but the endpoint in ser"):
        pipeline.promote()
    assert "batch_model_name" not in account.row(pipeline.run.run_id)
    assert account.row(other.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_refused_requests_are_tried_on_the_next_server_and_then_end_with_the_reason(
    account: Account,
) -> None:
    pipeline = start(account, **BATCH).until_registered()
    first = instance_type(pipeline.state["quality"]["deployment"])
    pipeline.transform(half_refused)
    measured = pipeline.measure_batch()
    assert not measured["passed"]
    assert "requests failed, more than 1%: too long" in measured["reason"]
    pipeline.move()
    deployment = pipeline.state["quality"]["deployment"]
    assert instance_type(deployment) != first
    pipeline.transform(half_refused)
    measured = pipeline.measure_batch()
    assert measured["deployment"] is None
    assert "the front has no better server for it" in measured["reason"]
    kept = pipeline.measurements()
    assert [item.plan.serving.instance_type for item in kept] == [first, instance_type(deployment)]
    # Two bills of 36 s.
    bills = sum(item.batch.usd for item in kept if item.batch)
    assert bills > 0
    assert outlay_of(pipeline.run).usd == pytest.approx(bills)
    cleaned = call(clean_up.handler, run=pipeline.run, failure=DENIED)
    assert len(cleaned["deleted"]) == 2
    assert models(account) == []


def test_a_model_that_refuses_nearly_everything_is_not_tried_on_another_server(
    account: Account,
) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(refused_answer)
    measured = pipeline.measure_batch()
    assert (measured["passed"], measured["deployment"]) == (False, None)
    assert "the model itself fails, which no other server would cure" in measured["reason"]


def test_a_job_that_sagemaker_does_not_start_moves_to_another_server(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    measured = pipeline.measure_batch(DENIED)
    assert not measured["passed"]
    assert "the quota is 0" in measured["reason"]
    assert measured["batch"]["usd"] == 0
    assert measured["deployment"] is not None


def test_a_failed_job_has_no_answers_and_its_time_is_paid(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer, status="Failed")
    cause = json.dumps({"FailureReason": "ClientError: see the log"})
    measured = pipeline.measure_batch({"Error": "States.TaskFailed", "Cause": cause})
    assert "the batch failed: States.TaskFailed: ClientError: see the log" in measured["reason"]
    assert measured["batch"]["num_failed"] == measured["batch"]["num_requests"]
    assert measured["batch"]["usd"] > 0


def test_a_job_that_the_model_failed_is_not_tried_on_another_server(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer, status="Failed")
    words = "does not match the expected peg-native format"
    reason = f"ClientError: Bad HTTP response from the model, status 500: {words}"
    cause = json.dumps({"FailureReason": reason})
    measured = pipeline.measure_batch({"Error": "States.TaskFailed", "Cause": cause})
    assert (measured["passed"], measured["deployment"]) == (False, None)
    assert "wrote bytes that are no UTF-8, which fails the whole file" in measured["reason"]
    assert "the model itself fails, which no other server would cure" in measured["reason"]


def bill_of(pipeline: Pipeline, seconds: float) -> float:
    usd = pipeline.state["quality"]["deployment"]["transform_job"]["usd_per_hour"]
    return seconds / 3600 * float(usd)


def test_a_job_stopped_by_hand_judges_nothing_and_its_time_is_paid(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer, status="Stopped")
    with pytest.raises(DeploymentFailed, match="was stopped by hand"):
        pipeline.measure_batch({"Error": "States.TaskFailed", "Cause": "{}"})
    assert outlay_of(pipeline.run).usd == pytest.approx(bill_of(pipeline, 36))
    pipeline.report("failed")
    assert phase_usd(account, pipeline) == pytest.approx(bill_of(pipeline, 36))


def phase_usd(account: Account, pipeline: Pipeline) -> float:
    phases = {phase.name: phase.cost_usd for phase in pipeline.summary().phases}
    return phases.get("MeasureBatch", 0.0)


def test_the_batch_of_a_run_that_is_stopped_before_it_is_measured_is_paid(
    account: Account,
) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer, status="Stopped")
    pipeline.report("stopped")
    assert phase_usd(account, pipeline) == pytest.approx(bill_of(pipeline, 36))


def test_a_batch_that_never_began_costs_nothing(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.report("stopped")
    assert phase_usd(account, pipeline) == 0


def test_a_job_that_ran_out_of_time_is_stopped_and_judged(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer, status="InProgress")
    jobs = {"InProgress": "Stopped"}
    stopped: list[str] = []
    found = transform_jobs.describe

    def stop(name: str) -> None:
        stopped.append(name)

    def describe(name: str) -> dict[str, Any] | None:
        described = found(name)
        assert described is not None
        return described | ({"TransformJobStatus": jobs["InProgress"]} if stopped else {})

    monkeypatch.setattr(transform_jobs, "stop", stop)
    monkeypatch.setattr(transform_jobs, "describe", describe)
    monkeypatch.setattr(measure_batch, "_PAUSE_SECONDS", 0.0)
    measured = pipeline.measure_batch({"Error": "States.Timeout", "Cause": ""})
    assert stopped == [pipeline.state["quality"]["deployment"]["transform_job"]["name"]]
    assert "exceeded its time limit" in measured["reason"]


def start_job(account: Account, pipeline: Pipeline, name: str, *tags: str) -> None:
    """A job under way, with the run's tag."""
    run_id = pipeline.run.run_id
    template = pipeline.state["quality"]["deployment"]["transform_job"]
    account.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=models(account)[0],
        TransformInput=template["transform_input"],
        TransformOutput=template["transform_output"],
        TransformResources=template["transform_resources"],
        Tags=[{"Key": RUN_TAG, "Value": run_id}, *({"Key": t, "Value": "b"} for t in tags)],
    )
    job = sagemaker_backends["123456789012"]["us-east-1"].transform_jobs[name]
    job.transform_job_status = "InProgress"


def stops() -> list[str]:
    """Names of the jobs that are stopped from now on: moto has no StopTransformJob."""
    stopped: list[str] = []

    def stop(params: dict[str, Any], **_: Any) -> Any:
        stopped.append(params["TransformJobName"])
        raise client("sagemaker").exceptions.ResourceNotFound(
            {"Error": {"Code": "ResourceNotFound", "Message": "gone"}}, "StopTransformJob"
        )

    events = client("sagemaker").meta.events
    told = "provide-client-params.sagemaker.StopTransformJob"
    events.register(told, stop)
    return stopped


def test_clean_up_stops_the_batch_of_a_run_that_failed(account: Account) -> None:
    pipeline = start(account, **BATCH).until_registered()
    pipeline.transform(right_answer)
    name = f"stratos-{pipeline.run.run_id}-a9"
    start_job(account, pipeline, name)
    stopped = stops()
    cleaned = call(clean_up.handler, run=pipeline.run, failure=DENIED)
    assert stopped == cleaned["stopped_jobs"] == [name]
    assert models(account) == []


def test_the_sweeper_stops_a_batch_that_nobody_waits_for_and_no_other(account: Account) -> None:
    pipeline = start(account, **BATCH).until_promoted()
    run_id = pipeline.run.run_id
    account.stop_execution()
    start_job(account, pipeline, f"stratos-{run_id}-b1", BATCH_TAG)
    start_job(account, pipeline, f"stratos-{run_id}-a9")
    stopped = stops()
    removed = call(sweep.handler)["removed"]
    assert [(item["kind"], item["name"]) for item in removed] == [
        ("transform-job", f"stratos-{run_id}-a9")
    ]
    assert stopped == [f"stratos-{run_id}-a9"]
