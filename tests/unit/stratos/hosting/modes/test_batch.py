"""Batches: the job's request, the questions of a file, what the answers come to, and the gates."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from stratos.catalog.servers import ServerCatalog
from stratos.cli.batch_questions import read_questions
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import BatchResult, Measurement
from stratos.contracts.plan import Interval, Plan, Server
from stratos.errors import BatchRejected, DeploymentFailed, SpecRejected
from stratos.hosting.choice import choose_hosting
from stratos.hosting.monthly import requests_per_month, worked_off_usd_per_month
from stratos.hosting.next_server import Tried, better_batch_server
from stratos.hosting.order import LiveEndpoint
from stratos.hosting.transform_job import TransformJob, billed_seconds, transform_job, transforms_on
from stratos.measuring.batch_gate import (
    Answer,
    batch_result,
    judge_batch,
    read_answers,
)
from stratos.pipeline.bill import hosting_bill
from stratos.spec.reader import read_spec
from stratos.units import MIB
from tests import factories
from tests.summaries import measurement
from tests.unit.stratos.hosting.test_next_server import matched, on

STARTED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def server(instance_type: str = "ml.local.cpu1", count: int = 1, usd: float = 3.6) -> Server:
    return Server(
        instance_type=instance_type,
        count=count,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=usd,
    )


def job(of: Server | None = None) -> TransformJob:
    tags = [{"Key": "stratos:run", "Value": "tiles-1"}]
    return transform_job(
        "stratos-tiles-1-a0",
        of or server(),
        "bucket",
        "runs/tiles-1/batches/measured/questions.jsonl",
        "runs/tiles-1/batches/measured/answers/stratos-tiles-1-a0/",
        tags,
        kms_key_arn="arn:aws:kms:us-east-1:123456789012:key/k",
    )


def chat(text: str, after_seconds: float, tokens: int = 5) -> bytes:
    body = {
        "created": int(STARTED.timestamp() + after_seconds),
        "choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": tokens},
    }
    return json.dumps(body, ensure_ascii=False).encode()


def described(seconds: float, waited: float = 30.0) -> dict[str, Any]:
    return {
        "TransformJobStatus": "Completed",
        "CreationTime": STARTED - timedelta(seconds=waited),
        "TransformStartTime": STARTED,
        "TransformEndTime": STARTED + timedelta(seconds=seconds),
    }


def result(**changes: Any) -> BatchResult:
    made = batch_result(job(), described(100), 4, [Answer.of(chat("a", 60 + n)) for n in range(4)])
    return made.model_copy(update=changes)


# --- the job ----------------------------------------------------------------------------------


@pytest.mark.parametrize("replicas", [1, 2, 8])
@pytest.mark.parametrize("instance_type", ["ml.m7i.xlarge", "ml.g6.48xlarge"])
def test_the_request_is_one_that_sagemaker_takes(instance_type: str, replicas: int) -> None:
    fleet = server(instance_type, count=2).model_copy(update={"replicas": replicas})
    request = job(fleet).request()
    client = boto3.client("sagemaker", region_name="us-east-1")
    operation = client.meta.service_model.operation_model("CreateTransformJob")
    assert not ParamValidator().validate(request, operation.input_shape).has_errors()
    resources = request["TransformResources"]
    assert resources["InstanceType"] in shape("TransformInstanceType").enum
    assert resources["InstanceCount"] == 1
    assert request["MaxPayloadInMB"] >= 1
    # SageMaker's bound on what is under way at once, in MB.
    assert request["MaxConcurrentTransforms"] * request["MaxPayloadInMB"] <= 100
    assert len(request["Environment"]) <= 16


def shape(name: str) -> Any:
    return get_session().get_service_model("sagemaker").shape_for(name)


def test_the_kinds_of_servers_for_batches_are_those_of_sagemakers_api() -> None:
    offered = set(shape("TransformInstanceType").enum)
    listed = [row.instance_type for row in ServerCatalog.aws().instance_types if row.hosting]
    assert {name for name in listed if transforms_on(name)} == offered & set(listed)
    assert transforms_on("ml.local.cpu2")


def test_one_server_of_a_fleet_is_asked_at_its_own_price() -> None:
    assert job(server(count=4, usd=4.0)).usd_per_hour == 1.0


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ({}, 0),
        ({"TransformStartTime": STARTED}, 90),
        ({"TransformStartTime": STARTED, "TransformEndTime": STARTED + timedelta(seconds=36)}, 36),
    ],
)
def test_a_job_is_billed_from_its_start_to_its_end_or_until_now(
    times: dict[str, datetime], seconds: float
) -> None:
    assert billed_seconds(times, STARTED + timedelta(seconds=90)) == seconds


def test_the_server_says_why_before_sagemaker_gives_up_on_a_request() -> None:
    request = job().request()
    ours = float(request["Environment"]["STRATOS_REQUEST_TIMEOUT_SECONDS"])
    assert ours < request["ModelClientConfig"]["InvocationsTimeoutInSeconds"]


# --- the spec ---------------------------------------------------------------------------------


def test_latency_limits_are_refused_with_batch_all_in_one_sentence() -> None:
    limits = {"max_p95_latency_ms": 100, "max_p99_latency_ms": 200}
    text = factories.spec_text(hosting={"mode": "batch"}, constraints=limits)
    with pytest.raises(SpecRejected, match=r"max_p95_latency_ms, constraints\.max_p99_latency_ms"):
        read_spec(text)


def test_what_only_an_endpoint_has_is_refused_with_batch() -> None:
    text = factories.spec_text(
        hosting={"mode": "batch", "keep": True, "max_instances": 3}, constraints={}
    )
    with pytest.raises(SpecRejected, match="no endpoint to apply max_instances, keep to"):
        read_spec(text)


# --- questions --------------------------------------------------------------------------------


def questions(tmp_path: Path, name: str, content: str) -> list[dict[str, Any]]:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return [json.loads(line) for line in read_questions(path, "tiles", 64, 3)]


def test_each_line_of_text_is_a_question(tmp_path: Path) -> None:
    asked = questions(tmp_path, "q.txt", "\ufeffone\u2028still one\r\ntwo\n\n")
    assert [request["messages"][0]["content"] for request in asked] == ["one\u2028still one", "two"]
    assert {(r["model"], r["max_tokens"], r["temperature"]) for r in asked} == {("tiles", 64, 0)}


def test_chats_keep_their_own_options_and_prompts_become_chats(tmp_path: Path) -> None:
    lines = [
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 3, "seed": 7, "model": "x"},
        {"prompt": "b"},
        {"inputs": "c"},
    ]
    asked = questions(tmp_path, "q.jsonl", "\n".join(map(json.dumps, lines)))
    assert [request["messages"][0]["content"] for request in asked] == ["a", "b", "c"]
    assert (asked[0]["max_tokens"], asked[0]["seed"], asked[1]["max_tokens"]) == (3, 7, 64)
    assert {request["model"] for request in asked} == {"tiles"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"messages": [', "it is not JSON"),
        ("[1]", "no JSON object"),
        ("", "it is not JSON"),
        ('{"text": "a"}', "neither `messages` nor one question"),
        ('{"inputs": ["a", "b"]}', "neither `messages` nor one question"),
        ('{"inputs": "a", "parameters": {}}', "parameters beside a plain question"),
        ('{"messages": []}', "at least one message"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "'robot'"),
        ('{"messages": [{"role": "user", "content": 3}]}', "both text"),
        ('{"messages": [{"role": "user", "content": "a"}], "stream": true}', "`stream`"),
        (json.dumps({"prompt": "a" * 3 * MIB}), "over 3 MB"),
    ],
)
def test_a_line_that_cannot_be_asked_is_named_by_its_number(
    tmp_path: Path, line: str, problem: str
) -> None:
    with pytest.raises(BatchRejected, match=r"1 of 3 lines cannot be asked.*line 2: ") as refused:
        questions(tmp_path, "q.jsonl", f'{{"prompt": "a"}}\n{line}\n{{"prompt": "c"}}\n')
    assert problem in str(refused.value)


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BatchRejected, match="holds no question"):
        questions(tmp_path, "q.txt", "\n\n")
    with pytest.raises(BatchRejected, match="cannot be read"):
        read_questions(tmp_path / "absent.txt", "tiles", 64, 3)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BatchRejected, match="cannot be read"):
        read_questions(tmp_path / "bytes.txt", "tiles", 64, 3)


# --- the result -------------------------------------------------------------------------------


def test_the_cold_start_is_counted_in_the_bill_and_told_apart() -> None:
    found = result()
    assert (found.waited_seconds, found.seconds, found.cold_start_seconds) == (30, 100, 60)
    assert found.requests_per_second == pytest.approx(4 / 40)
    assert found.tokens_per_second == pytest.approx(20 / 40)
    assert found.usd == pytest.approx(0.1)
    assert found.usd_per_1000_requests == pytest.approx(25)
    assert found.cold_start_usd_per_1000_requests == pytest.approx(15)


def test_a_refused_line_is_a_failed_request_and_keeps_its_place() -> None:
    content = b"\n".join([chat("a\u2028b", 1), b'{"error": {"message": "too long"}}', b"<html>"])
    answers = read_answers(content)
    assert [answer.text for answer in answers] == ["a\u2028b", None, None]
    assert answers[1].error == "too long"
    found = batch_result(job(), described(10), 3, answers, judge=lambda index, text: index == 0)
    assert found.num_failed == 2
    assert found.accuracy is not None
    assert (found.accuracy.n, found.accuracy.value) == (1, 1.0)


def test_plain_answers_are_read_as_well() -> None:
    assert Answer.of(b'{"generated_text": "yes"}').text == "yes"


def test_a_job_that_never_was_costs_nothing() -> None:
    found = batch_result(job(), None, 3, [], failure="no quota")
    assert (found.num_failed, found.usd, found.seconds) == (3, 0.0, 0.0)
    assert found.usd_per_1000_requests is None


# --- the gates --------------------------------------------------------------------------------


def verdict(batch: BatchResult, **constraints: float) -> Any:
    spec = factories.spec(
        hosting={"mode": "batch"}, constraints=constraints, load={"requests_per_second": 0.05}
    )
    return judge_batch(batch, spec, usd_per_hour=3.6)


def test_a_batch_that_holds_the_spec_tells_its_speed_and_cost() -> None:
    found = verdict(result(), max_usd_per_1000_requests=25.1)
    assert (found.passed, found.missed) == (True, ())
    assert "$15 of it for a cold start of 60 s" in found.reason
    assert "in a batch of 4" in found.reason


def test_each_gate_is_missed_on_its_own() -> None:
    assert verdict(result(num_failed=1)).missed == ("failed_requests",)
    assert verdict(result(failure="it died", num_failed=4)).missed == ("failed_requests",)
    assert verdict(result(requests_per_second=0.04)).missed == ("requests_per_second",)
    cost = verdict(result(), max_usd_per_1000_requests=24.9)
    assert cost.missed == ("max_usd_per_1000_requests",)
    monthly = verdict(result(), max_hosting_usd_per_month=1.0)
    assert monthly.missed == ("max_hosting_usd_per_month",)


def measured(plan: Plan, *missed: str) -> Measurement:
    changes = {"load": None, "batch": result(), "missed": missed, "passed": False}
    return measurement(plan, 800).model_copy(update=changes)


def fast(name: str, requests_per_second: float, usd_per_hour: float = 0.1) -> Plan:
    rate = Interval(value=requests_per_second, lo=0.1, hi=99)
    return on(name, 400, usd_per_hour).model_copy(update={"requests_per_second": rate})


def after(evidence: MatchEvidence, missed: list[Measurement]) -> Plan | None:
    return better_batch_server(Tried(factories.spec(), evidence, missed, False)).plan


def test_a_batch_that_is_too_slow_goes_to_the_first_faster_server_of_the_front() -> None:
    slow, slower, faster = fast("m5.large", 2), fast("m7i.large", 1), fast("c7i.large", 3)
    evidence = matched(slow, slower, faster)
    found = after(evidence, [measured(slow, "requests_per_second")])
    assert found is not None
    assert found.serving.instance_type == "ml.c7i.large"
    assert after(matched(slow, slower), [measured(slow, "requests_per_second")]) is None


def test_a_batch_that_costs_too_much_goes_where_a_request_is_forecast_to_cost_less() -> None:
    first, dearer, cheaper = (
        fast("m5.large", 2, 0.1),
        fast("m7i.large", 2, 0.2),
        fast("c7i.large", 8, 0.3),  # by the hour it costs more, by the request less
    )
    evidence = matched(first, dearer, cheaper)
    for missed in ("max_usd_per_1000_requests", "max_hosting_usd_per_month"):
        found = after(evidence, [measured(first, missed)])
        assert found is not None
        assert found.serving.instance_type == "ml.c7i.large"


def test_a_batch_that_failed_goes_to_another_kind_of_server_that_has_batches() -> None:
    first, unknown, other = fast("m5.large", 2), fast("p5.48xlarge", 9), fast("m7i.large", 1)
    found = after(matched(first, unknown, other), [measured(first, "failed_requests")])
    assert found is not None
    assert found.serving.instance_type == "ml.m7i.large"


def test_batches_cost_their_bills_and_nothing_between_them() -> None:
    plan = fast("m5.large", 2)
    both = [measured(plan), measured(plan)]
    bill = hosting_bill(both, datetime(2027, 1, 1, tzinfo=UTC), promoted=True)
    assert (bill.usd, bill.batches_usd) == (pytest.approx(0.2), pytest.approx(0.2))


# --- hosting ----------------------------------------------------------------------------------


def test_a_months_batches_cost_the_hours_that_their_requests_take() -> None:
    load = factories.spec(load={"requests_per_second": 2, "active_hours_per_day": 3}).load
    hours = requests_per_month(load) / 5 / 3600
    assert worked_off_usd_per_month(load, 1.2, 5) == pytest.approx(1.2 * hours)


def test_batches_are_refused_while_an_endpoint_of_the_spec_is_in_service() -> None:
    spec = factories.spec(hosting={"mode": "batch"}, constraints={})
    order = factories.order(spec, factories.match_evidence(server(), 400.0, "batch"))
    _, choice = choose_hosting(order, "cpu")
    assert choice.mode == "batch"
    with pytest.raises(DeploymentFailed, match="stratos delete"):
        choose_hosting(replace(order, live=LiveEndpoint("realtime", "before")), "cpu")
