"""Endpoints under load: held, missed, tried on another server, taken back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.aws import chat
from lambdas.aws.clients import client
from lambdas.handlers import clean_up
from lambdas.serving import under_load
from stratos.contracts.bucket import RunKeys, split_uri
from stratos.contracts.measurements import LoadResult
from stratos.hosting.ownership import RUN_TAG
from stratos.measuring.answers import JudgedAnswers
from stratos.pipeline.steps import TrainingJob
from tests import factories
from tests.fakes import FakeClock, FakeRuntime, SlowClock
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call, first_type, start

CHEAPEST: dict[str, Any] = {"preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1}}
"""Serve on one thread first; two are faster, dearer, and on the front."""
TWO_STUDENTS = [{"path": "models/student"}, {"path": "models/other"}]


def server_of(deployment: dict[str, Any]) -> str:
    return first_type(deployment)


def test_an_endpoint_is_asked_heldout_questions_and_its_answers_judged(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = start(account).until_deployed()
    measured = pipeline.measure()
    heldout = account.read(RunKeys(pipeline.run.run_id).dataset + "heldout.jsonl").decode()
    load = LoadResult.model_validate(measured["load"])
    assert (measured["passed"], measured["deployment"], measured["next_attempt"]) == (
        True,
        None,
        None,
    )
    assert load.accuracy is not None
    assert load.num_requests == 73
    assert load.accuracy.n == len(heldout.splitlines()) == 60  # each once
    assert load.p95_ms is not None
    assert load.p95_ms.enough
    (kept,) = pipeline.measurements()
    assert (kept.load, kept.passed) == (load, True)
    alone, request = runtime.requests[0], runtime.requests[-1]
    assert alone["Body"]["max_tokens"] == 1
    assert request["EndpointName"] == "stratos-tiles"
    assert (request["Body"]["max_tokens"], request["Body"]["temperature"]) == (512, 0)
    assert json.dumps(request["Body"]["messages"][0]["content"]) in heldout


def test_a_missed_load_is_tried_on_the_next_server_of_the_front(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    first = pipeline.state["quality"]["deployment"]
    measured = pipeline.measure()
    assert not measured["passed"]
    assert "no connection was free for it within 60 s" in measured["reason"]
    assert "next: 1 × ml.local.cpu2" in measured["reason"]
    second = pipeline.next_server()
    assert (server_of(first), server_of(second)) == ("ml.local.cpu1", "ml.local.cpu2")
    assert second["container"]["ModelDataUrl"] == first["container"]["ModelDataUrl"]
    assert (second["replaces_live"], second["previous_config_name"]) == (True, None)
    slow.setattr(under_load, "MonotonicClock", FakeClock)
    assert pipeline.measure()["passed"]
    updates: list[dict[str, Any]] = []
    events = client("sagemaker").meta.events
    told = "provide-client-params.sagemaker.UpdateModelPackage"

    def note(params: dict[str, Any], **_: Any) -> None:  # stock moto forgets what it is told here
        updates.append(params)

    events.register(told, note)
    pipeline.promote()
    events.unregister(told, note)
    assert float(updates[0]["CustomerMetadataProperties"]["accuracy"]) == 0.75
    served = updates[0]["InferenceSpecification"]
    assert served["SupportedRealtimeInferenceInstanceTypes"] == ["ml.local.cpu2"]
    assert served["Containers"] == [second["container"]]
    pipeline.report()
    summary = pipeline.summary()
    assert [item.plan.serving.instance_type for item in summary.measurements] == [
        "ml.local.cpu1",
        "ml.local.cpu2",
    ]
    assert [item.passed for item in summary.measurements] == [False, True]
    assert summary.endpoint is not None
    assert summary.endpoint.server.instance_type == "ml.local.cpu2"
    assert summary.endpoint.usd_per_1000_requests is not None
    assert any("ml.local.cpu1" in note and "another plan" in note for note in summary.notes)
    rows = [json.loads(line) for line in account.read("catalog/calibration.jsonl").splitlines()]
    learned = [r["instance_type"] for r in rows if r["quantity"] == "p95_latency_ms"]
    assert learned == ["ml.local.cpu2"]  # the other hung, which is no latency to learn


def test_a_next_server_is_created_where_the_endpoint_has_failed(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    former = start(account, **CHEAPEST).until_promoted()
    before = account.endpoint_config()
    pipeline = start(account, **CHEAPEST, description="again").until_deployed()
    account.fail_endpoint()
    pipeline.measure()
    assert account.resources()["endpoints"] == set()
    second = pipeline.next_server()
    assert server_of(second) == "ml.local.cpu2"
    assert (second["replaces_live"], second["previous_config_name"]) == (False, before)
    assert account.endpoint_config() == second["endpoint_config_name"]
    call(clean_up.handler, run=pipeline.run, failure={"Error": "LatencyGateError", "Cause": ""})
    assert account.endpoint_config() == before
    described = client("sagemaker").describe_endpoint(EndpointName="stratos-tiles")
    tags = client("sagemaker").list_tags(ResourceArn=described["EndpointArn"])["Tags"]
    owner = {item["Key"]: item["Value"] for item in tags}[RUN_TAG]  # moto adds, the last counts
    assert owner == former.run.run_id


def fails(status: int, message: str) -> Callable[[list[dict[str, str]]], str]:
    def answer(messages: list[dict[str, str]]) -> str:
        error = {"Code": "ModelError", "Message": f"Received server error ({status})"}
        told = {"Error": error, "OriginalStatusCode": status, "OriginalMessage": message}
        raise ClientError(told, "InvokeEndpoint")  # type: ignore[arg-type]

    return answer


def test_a_broken_model_is_not_carried_to_another_server(
    account: Account, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    monkeypatch.setattr(chat, "runtime_client", lambda: FakeRuntime(fails(500, "no weights")))
    logs = {"logGroupName": "/aws/sagemaker/Endpoints/stratos-tiles", "logStreamName": "a/i-1"}
    client("logs").create_log_group(logGroupName=logs["logGroupName"])
    client("logs").create_log_stream(**logs)
    line = {"timestamp": int(1000 * time.time()) + 1000, "message": "ggml: it ended"}
    client("logs").put_log_events(**logs, logEvents=[line])
    measured = pipeline.measure()
    assert (measured["passed"], measured["deployment"]) == (False, None)
    assert "status 500: no weights" in measured["reason"]
    assert "the engine's log ends: ggml: it ended" in measured["reason"]
    assert "which no other server would cure; no other student" in measured["reason"]
    (kept,) = pipeline.measurements()
    assert kept.load is not None
    assert (kept.load.p95_ms, kept.log_lines) == (None, ("ggml: it ended",))


def test_an_overloaded_model_is_tried_on_a_faster_server(
    account: Account, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    monkeypatch.setattr(chat, "runtime_client", lambda: FakeRuntime(fails(503, "busy")))
    measured = pipeline.measure()
    assert measured["deployment"] is not None
    assert "next: 1 × ml.local.cpu2" in measured["reason"]


def test_a_quantised_endpoint_that_answers_otherwise_is_replaced_in_full_precision(
    account: Account, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_matched()
    pipeline.match_quantised()
    pipeline.work(evaluated=factories.evaluated_quantised(355, 360))
    pipeline.check()
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    monkeypatch.setattr(chat, "runtime_client", lambda: FakeRuntime(lambda messages: "#### z"))
    measured = pipeline.measure()
    assert "the endpoint answers otherwise than what was evaluated" in measured["reason"]
    assert "next: 1 × ml.local.cpu2 in float16" in measured["reason"]
    assert server_of(pipeline.next_server()) == "ml.local.cpu2"
    monkeypatch.setattr(chat, "runtime_client", lambda: runtime)
    assert pipeline.measure()["passed"]
    last = pipeline.measurements()[-1]
    assert last.plan.engine == factories.engine("float16")
    pipeline.promote()
    pipeline.report()
    served = pipeline.summary().served
    assert served is not None
    assert served.precision == "float16"
    assert "answers otherwise" in str(served.changed)


def test_an_engine_that_evaluated_nothing_is_asked_every_question(
    account: Account, runtime: FakeRuntime
) -> None:
    sections = CHEAPEST | {"load": {"requests_per_second": 0.1, "measure_seconds": 10}}
    pipeline = start(account, **sections).until_matched()
    pipeline.match_quantised()
    pipeline.work()  # through transformers
    pipeline.check()
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    load = pipeline.measure()["load"]
    assert load["accuracy"]["n"] == 60


class QueuedRuntime(FakeRuntime):
    """One behind a queue, whose answers come through the bucket at once."""

    def invoke_endpoint_async(self, **request: Any) -> dict[str, Any]:
        bucket, key = split_uri(request["InputLocation"])
        body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        answer = self.invoke_endpoint(Body=body)["Body"].read()
        client("s3").put_object(Bucket=bucket, Key=f"{key}.out", Body=answer)
        return {"OutputLocation": f"s3://{bucket}/{key}.out"}


@pytest.mark.parametrize(("mode", "left"), [("realtime", 600), ("async", 300)])
def test_the_last_question_leaves_while_its_answer_can_still_be_waited_for(
    account: Account,
    runtime: FakeRuntime,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    left: float,
) -> None:
    few = {"load": {"requests_per_second": 0.1, "measure_seconds": 10}, "hosting": {"mode": mode}}
    pipeline = start(account, **CHEAPEST | few).until_deployed()
    queued = QueuedRuntime(lambda messages: factories.answer_to(messages[-1]["content"]))
    monkeypatch.setattr(chat, "runtime_client", lambda: queued)
    ends: list[float] = []  # evaluated through transformers, so that every question is asked

    def ask_the_rest(_: Any, questions: Any, at_once: int, until: float, clock: Any) -> float:
        ends.append(until)
        return 0.0

    monkeypatch.setattr(JudgedAnswers, "ask_the_rest", ask_the_rest)
    pipeline.measure()
    assert ends == [left]


class FailingQueue(FakeRuntime):
    """One behind a queue that fails at each request."""

    def __init__(self, reason: str) -> None:
        super().__init__(lambda messages: "")
        self.reason = reason

    def invoke_endpoint_async(self, **request: Any) -> dict[str, Any]:
        bucket, key = split_uri(request["InputLocation"])
        client("s3").put_object(Bucket=bucket, Key=f"{key}-error.out", Body=self.reason.encode())
        uri = f"s3://{bucket}/{key}"
        return {"OutputLocation": f"{uri}.out", "FailureLocation": f"{uri}-error.out"}


@pytest.mark.parametrize(("status", "broken"), [(500, True), (503, False)])
def test_a_model_that_fails_behind_a_queue_is_told_from_one_that_is_overloaded(
    account: Account,
    runtime: FakeRuntime,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    broken: bool,
) -> None:
    queue = {"hosting": {"mode": "async"}}
    pipeline = start(account, **CHEAPEST | queue).until_deployed()
    failing = FailingQueue(f'Received error ({status}) from primary: "x"')
    monkeypatch.setattr(chat, "runtime_client", lambda: failing)
    measured = pipeline.measure()
    assert f"Received error ({status})" in measured["reason"]
    assert ("which no other server would cure" in measured["reason"]) == broken


def test_a_precision_that_answered_wrong_does_not_come_back(
    account: Account, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_matched()
    found = pipeline.match_quantised()
    cheap, full = found.matching.plans.front
    fastest = cheap.p95_latency_ms.model_copy(update={"value": 0.001})
    again = full.model_copy(update={"engine": cheap.engine, "p95_latency_ms": fastest})
    plans = found.matching.plans.model_copy(update={"front": (cheap, full, again)})
    matching = found.matching.model_copy(update={"plans": plans})
    evidence = found.model_copy(update={"matching": matching})
    account.put(RunKeys(pipeline.run.run_id).match, evidence.model_dump_json())
    pipeline.work(evaluated=factories.evaluated_quantised(355, 360))
    pipeline.check()
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    monkeypatch.setattr(chat, "runtime_client", lambda: FakeRuntime(lambda messages: "#### z"))
    assert "in float16" in pipeline.measure()["reason"]
    pipeline.next_server()
    monkeypatch.setattr(chat, "runtime_client", lambda: runtime)
    monkeypatch.setattr(under_load, "MonotonicClock", SlowClock)
    measured = pipeline.measure()
    assert measured["deployment"] is None
    assert "the front has no better server for it" in measured["reason"]


def test_a_measurement_that_is_repeated_names_the_same_next_server(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    first = pipeline.measure()
    again = pipeline.measure()
    assert again["deployment"]["model_name"] == first["deployment"]["model_name"]
    assert len(pipeline.measurements()) == 1


def test_where_no_server_is_left_the_end_names_every_plan_with_what_it_measured(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    pipeline.measure()
    pipeline.next_server()
    measured = pipeline.measure()
    assert (measured["deployment"], measured["next_attempt"]) == (None, None)
    for name in ("ml.local.cpu1", "ml.local.cpu2"):
        assert f"student on 1 × {name} in us-east-1: " in measured["reason"]
    assert measured["reason"].count("requests failed") == 2
    assert "no other student is left to try" in measured["reason"]
    call(clean_up.handler, run=pipeline.run, failure={"Error": "LatencyGateError", "Cause": ""})
    sagemaker = account.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []


def test_no_server_is_tried_for_which_there_is_no_money(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    pipeline = start(account, **CHEAPEST).until_deployed()
    spent = factories.progress(usd=5.0)  # of 5
    keys = RunKeys(pipeline.run.run_id)
    account.put(keys.job_progress("synthesize-a0"), spent.model_dump_json())
    account.create_job(TrainingJob.model_validate(pipeline.state["match"]["synthesize"]))
    measured = pipeline.measure()
    assert measured["deployment"] is None
    assert "would exceed max_budget_usd" in measured["reason"]


def test_the_live_model_is_back_after_its_successor_missed_on_every_server(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    live = start(account, **CHEAPEST).until_deployed()
    live.promote()
    before = account.endpoint_config()
    failing = start(account, **CHEAPEST).until_deployed()
    assert account.endpoint_config() != before
    failing.measure()
    second = failing.next_server()
    assert account.endpoint_config() == second["endpoint_config_name"]
    failing.measure()
    cleaned = call(
        clean_up.handler, run=failing.run, failure={"Error": "LatencyGateError", "Cause": ""}
    )
    assert cleaned["restored_endpoint"] == "stratos-tiles"
    assert len(cleaned["deleted"]) == 4
    assert account.endpoint_config() == before
    assert account.row(live.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_a_model_that_another_run_put_into_service_meanwhile_is_what_comes_back(
    account: Account, runtime: FakeRuntime
) -> None:
    slower = start(account)
    slower.until_planned()
    slower.probe()
    slower.match()
    slower.work()
    deployment = slower.check()["deployment"]
    assert deployment["previous_config_name"] is None
    start(account).until_deployed().promote()
    others = account.endpoint_config()
    deployment = slower.take_turn()
    slower.deploy()
    assert account.endpoint_config() == deployment["endpoint_config_name"]
    cleaned = call(clean_up.handler, run=slower.run, failure={"Error": "GateError", "Cause": ""})
    assert cleaned["restored_endpoint"] == "stratos-tiles"
    assert account.endpoint_config() == others


def test_the_endpoint_is_taken_back_before_the_next_student(
    account: Account, slow: pytest.MonkeyPatch
) -> None:
    for name, content in factories.model_files(32, 3).items():
        account.put(f"specs/tiles/models/other/{name}", content)
    pipeline = start(account, students=TWO_STUDENTS, **CHEAPEST)
    pipeline.until_planned()
    pipeline.probe()
    pipeline.match()
    pipeline.work()
    pipeline.check()
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    first = pipeline.state["match"]["student"]
    while (measured := pipeline.measure())["deployment"]:
        pipeline.next_server()
    assert measured["next_attempt"] == 1
    missed, arn = measured["reason"], pipeline.state["package"]["ModelPackageArn"]
    taken_back = call(clean_up.handler, run=pipeline.run, missed=missed)
    assert "stratos-tiles" in taken_back["deleted"]
    version = account.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert version["ModelApprovalStatus"] == "Rejected"
    assert "requests failed" in version["ApprovalDescription"]
    pipeline.next_student()
    assert pipeline.state["match"]["student"] != first
    pipeline.work()
    quality = pipeline.check()
    assert (quality["passed"], quality["deployment"]["replaces_live"]) == (True, False)
    match = json.loads(account.read(RunKeys(pipeline.run.run_id).match))
    assert "requests failed" in match["tried"][0]["reason"]
    pipeline.take_turn()
    pipeline.deploy()
    slow.setattr(under_load, "MonotonicClock", FakeClock)
    assert pipeline.measure()["passed"]
    last = pipeline.measurements()[-1]
    assert (last.attempt, last.plan.student) == (1, pipeline.state["match"]["student"])
