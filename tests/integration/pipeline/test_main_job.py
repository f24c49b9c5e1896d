"""A spec dropped in the bucket becomes a deployed, measured model; then it is run again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from stratos.cli import endpoint
from stratos.cli.delete import delete_command
from stratos.cli.runs import find_run, read_object, read_queue
from stratos.contracts.bucket import RunKeys
from tests.integration.pipeline.cloud import NUM_STEPS, ROOT, Cloud, eventually, write_task
from tests.integration.pipeline.personal_rows import REDACTING, SOUGHT, write_personal_data
from tests.integration.pipeline.stored_bytes import holding, objects, on_disk, packed, stored

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs of one spec, the second asked for while the first works."""
    folder = write_task(tmp_path_factory.mktemp("task"), "small", hosting={"keep": True})
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    spec["task"] |= REDACTING
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    write_personal_data(folder)
    runs = [cloud.submit(folder)]
    eventually(lambda: read_queue(cloud.stack).find(runs[0]))
    runs.append(cloud.submit(folder))
    for each in runs:
        assert cloud.finish(each).status == "succeeded", cloud.summary(each).reason
    return runs


@pytest.fixture(scope="module")
def run_id(cloud: Cloud, both: list[str]) -> str:
    """That of the two whose model is in service."""
    return both[1]


def test_two_runs_of_one_spec_work_in_order_and_the_later_model_is_in_service(
    cloud: Cloud, both: list[str]
):
    first, second = (cloud.summary(run_id).notes for run_id in both)
    assert not any("for its place" in note for note in first)
    assert any("for its place" in note for note in second)
    described = cloud.stack.sagemaker.describe_endpoint(EndpointName="stratos-small")
    assert described["EndpointStatus"] == "InService"
    live = [row for row in map(cloud.row, both) if row is not None and row.endpoint_name]
    assert [row.run_id in described["EndpointConfigName"] for row in live] == [True]
    assert cloud.billable()["endpoints"] == ["stratos-small"]


def test_each_job_ran_under_the_role_of_its_run_and_no_such_role_is_left(
    cloud: Cloud, both: list[str], run_id: str
):
    for each in both:
        roles = {job["RoleArn"].rpartition(":role")[2] for job in cloud.jobs(each)}
        assert roles == {f"/stratos/us-east-1/stratos-{each}-job"}
    assert cloud.stack.sagemaker.describe_model(ModelName=f"stratos-{run_id}-a0")[
        "ExecutionRoleArn"
    ].endswith(f":role/stratos/us-east-1/stratos-{run_id}-model")
    left = cloud.stack.client("iam").list_roles(PathPrefix="/stratos/us-east-1/")["Roles"]
    kinds = {name.rpartition("-")[2] for name in (role["RoleName"] for role in left)}
    assert kinds == {"model"}


def test_the_summary_follows_its_published_schema(cloud: Cloud, run_id: str):
    schema = json.loads((ROOT / "docs" / "schemas" / "run.schema.json").read_text())
    jsonschema.validate(cloud.read_json(RunKeys(run_id).summary), schema)


def test_every_state_did_its_work(cloud: Cloud, run_id: str):
    summary = cloud.summary(run_id)
    assert summary.strategy is not None
    assert summary.strategy.choice == "injection"
    assert summary.teacher is not None
    assert summary.teacher.accuracy.n == 50
    assert summary.training is not None
    assert summary.training.steps == NUM_STEPS
    assert len(summary.training.curve) > 1
    assert summary.endpoint is not None
    assert summary.endpoint.load is not None
    assert summary.endpoint.load.num_failed == 0
    assert {"constant_answer", "nearest_question"} <= summary.baselines.keys()
    latency = next(c for c in summary.constraints if c.name == "max_p95_latency_ms")
    assert latency.passed
    assert latency.measured == pytest.approx(summary.endpoint.load.p95_ms.value)


def test_time_and_money_are_accounted_for(cloud: Cloud, run_id: str):
    summary = cloud.summary(run_id)
    phases = {phase.name: phase for phase in summary.phases}
    for name in ("ProbeModels", "Synthesize", "Distill", "Evaluate"):
        assert phases[name].seconds > 0
        assert phases[name].cost_usd > 0
    assert summary.total_usd == pytest.approx(sum(p.cost_usd for p in summary.phases))
    assert read_object(cloud.stack, RunKeys(run_id).report).startswith("<!doctype html>")


def test_the_endpoint_answers_through_the_runtime(cloud: Cloud, run_id: str):
    rows = (ROOT / "examples/mahjong-waits/dataset.jsonl").read_text().splitlines()
    question = json.loads(rows[0])
    row = find_run(cloud.stack, run_id)
    answer = endpoint.invoke(cloud.stack, row, question["prompt"], max_tokens=64).text
    # So few steps teach how a hand is written, not always where an answer ends.
    assert re.search(r"\b[mpsz]\d", answer)


def test_the_model_is_registered_with_what_was_measured(cloud: Cloud, run_id: str):
    packages = cloud.stack.sagemaker.list_model_packages(ModelPackageGroupName="stratos")
    described = [
        cloud.stack.sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
        for package in packages["ModelPackageSummaryList"]
    ]
    assert any(run_id in json.dumps(package, default=str) for package in described)


def test_personal_data_is_nowhere_but_in_the_upload(cloud: Cloud, run_id: str):
    inspected = cloud.read_json(RunKeys(run_id).dataset + "inspection.json")
    found = {kind for kind, num in inspected["redacted"].items() if num}
    assert found == {"email", "phone", "card", "iban"}
    assert inspected["num_bad_lines"] == 2
    assert holding(stored(cloud), SOUGHT) == {"specs/small/dataset.jsonl"}
    assert holding(on_disk(cloud), SOUGHT) == set()


def test_the_search_for_personal_data_sees_what_is_packed_and_escaped():
    found = [(text, packed(f"a {text} b")) for text in SOUGHT]
    assert holding(found, SOUGHT) == set(SOUGHT)


def test_a_second_version_replaces_the_live_model(cloud: Cloud, run_id: str, tmp_path: Path):
    folder = write_task(tmp_path, "small", hosting={"keep": True}, description="again")
    second = cloud.submit(folder)
    assert cloud.finish(second).status == "succeeded", cloud.summary(second).reason
    described = cloud.stack.sagemaker.describe_endpoint(EndpointName="stratos-small")
    assert second in described["EndpointConfigName"]
    assert described["EndpointStatus"] == "InService"
    assert cloud.billable()["endpoints"] == ["stratos-small"]


def test_a_deleted_run_leaves_no_object_and_says_what_stays(
    cloud: Cloud, run_id: str, capsys: pytest.CaptureFixture[str]
):
    delete_command(run_id, objects=True, live=True, json_=True)
    told = json.loads(capsys.readouterr().out)
    keys = RunKeys(run_id)
    assert told["versions"][keys.prefix] > 0
    kept = [key for key, _ in objects(cloud)]
    assert [key for key in kept if key.startswith((keys.prefix, keys.all_checkpoints))] == []
    assert "specs/small/dataset.jsonl" in kept
    assert any("specs/small/" in line and "--upload" in line for line in told["staying"])
    row = cloud.row(run_id)
    assert row is not None
    assert row.status == "deleted"
