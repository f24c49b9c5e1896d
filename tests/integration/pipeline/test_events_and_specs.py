"""What arrives twice runs once; what cannot run is refused in words, and nothing else happens."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stratos.contracts.bucket import run_id_of
from tests.integration.pipeline.cloud import Cloud, eventually, write_task

pytestmark = pytest.mark.slow

SPEC = """\
version: 1
name: bad
task:
  dataset: dataset.jsonl
  verifier: {kind: exact}
teachers: [{kind: bedrock, model_id: some.model}]
students: [{path: models/student-base}]
"""


def drop(cloud: Cloud, name: str, body: bytes) -> str:
    """Put a spec into the bucket, past the command line's own validation; return its run id."""
    key = f"specs/{name}/spec.yaml"
    body = body.replace(b"name: bad\n", f"name: {name}\n".encode())
    put = cloud.stack.s3.put_object(Bucket=cloud.stack.bucket, Key=key, Body=body)
    return run_id_of(cloud.stack.bucket, key, put["VersionId"])


def object_created(cloud: Cloud, key: str, version_id: str, number: int) -> dict[str, object]:
    """An `Object Created` event as S3 sends it; redeliveries differ in their id only."""
    return {
        "version": "0",
        "id": f"00000000-0000-0000-0000-00000000000{number}",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-24T08:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{cloud.stack.bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": cloud.stack.bucket},
            "object": {"key": key, "size": 10, "etag": "e", "version-id": version_id},
            "reason": "PutObject",
        },
    }


def test_one_event_delivered_five_times_is_one_run(cloud: Cloud, tmp_path: Path):
    run_id = drop(cloud, "five", b"name: [")
    assert cloud.finish(run_id).status == "rejected"
    key = "specs/five/spec.yaml"
    version = cloud.stack.s3.head_object(Bucket=cloud.stack.bucket, Key=key)["VersionId"]
    events = [object_created(cloud, key, version, number) for number in range(4)]
    random.Random(3).shuffle(events)

    def deliver(event: dict[str, object]) -> str:
        started = cloud.stack.states.start_execution(
            stateMachineArn=cloud.stack.state_machine_arn, input=json.dumps(event)
        )
        return str(started["executionArn"])

    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(deliver, events))

    def ended() -> bool:
        states = [cloud.stack.states.describe_execution(executionArn=a)["status"] for a in again]
        return "RUNNING" not in states

    eventually(ended)
    for arn in again:
        history = cloud.stack.states.get_execution_history(executionArn=arn)["events"]
        entered = [
            e["stateEnteredEventDetails"]["name"]
            for e in history
            if "stateEnteredEventDetails" in e
        ]
        assert entered[0] == "ClaimRun"
        assert entered[-1] == "Duplicate"
        assert "ParseConstraints" not in entered
        assert history[-1]["type"] == "ExecutionSucceeded"
    rows = cloud.stack.table.scan()["Items"]
    assert [row["run_id"] for row in rows if row["run_id"].startswith("five-")] == [run_id]


def test_simultaneous_deliveries_are_one_run(cloud: Cloud):
    key, states = "specs/race/spec.yaml", cloud.stack.states
    put = cloud.stack.s3.put_object(Bucket=cloud.stack.bucket, Key=key, Body=b"name: [")
    events = [object_created(cloud, key, put["VersionId"], number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        started = pool.map(
            lambda event: states.start_execution(
                stateMachineArn=cloud.stack.state_machine_arn, input=json.dumps(event)
            ),
            events,
        )
        assert len({one["executionArn"] for one in started}) == 4

    def delivered() -> list[str]:
        described = (
            states.describe_execution(executionArn=one["executionArn"])
            for one in cloud.executions()
        )
        ours = [one for one in described if key in one["input"]]
        over = all(one["status"] != "RUNNING" for one in ours)
        return [one["executionArn"] for one in ours] if over and len(ours) == 5 else []

    read = 0
    for arn in eventually(delivered):  # the bucket's own event is the fifth
        history = states.get_execution_history(executionArn=arn)["events"]
        entered = [e.get("stateEnteredEventDetails", {}).get("name") for e in history]
        read += "ParseConstraints" in entered
    assert read == 1


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("name", "spec", "says"),
    [
        ("types", SPEC + "constraints: {min_accuracy: high}", ["constraints.min_accuracy"]),
        (
            "typo",
            SPEC + "constraints: {max_budgte_usd: 3}\nhostng: {}",
            ["constraints.max_budgte_usd", "max_budget_usd", "hosting"],
        ),
        ("nodata", SPEC, ["task.dataset", "there is no file 'dataset.jsonl'"]),
        ("impossible", SPEC + "constraints: {min_accuracy: 1.0}", ["constraints.min_accuracy"]),
        ("deep", "a: " + "[" * 5_000_000 + "]" * 5_000_000, []),
        ("bomb", BOMB, []),
        (
            "outside",
            SPEC.replace("dataset.jsonl", "../other/dataset.jsonl"),
            ["task.dataset", "outside the spec's folder"],
        ),
        (
            "elsewhere",
            SPEC.replace("dataset.jsonl", "s3://another-bucket/dataset.jsonl"),
            ["task.dataset", "outside the spec's folder"],
        ),
    ],
)
def test_a_bad_spec_is_refused_with_every_problem_and_nothing_else_happens(
    cloud: Cloud, name: str, spec: str, says: list[str]
):
    run_id = drop(cloud, f"bad-{name}", spec.encode())
    assert cloud.finish(run_id).status == "rejected"
    rejection = cloud.read_json(f"specs/bad-{name}/rejection.json")
    text = json.dumps(rejection)
    assert rejection["problems"]
    for expected in says:
        assert expected in text.replace("\\u2019", "'"), text
    assert cloud.jobs(run_id) == []
    assert cloud.billable() == {"jobs": [], "endpoints": []}
    summary = cloud.summary(run_id)
    assert summary.status == "rejected"
    assert summary.reason
    left = {key.rpartition("/")[2] for key in cloud.keys(f"runs/{run_id}/")}
    assert left == {"run.json", "report.html"}


def test_every_problem_of_a_spec_is_named_at_once(cloud: Cloud):
    spec = SPEC + "constraints: {min_accuracy: 7, max_p95: 3}\nload: {requests_per_second: -1}"
    run_id = drop(cloud, "bad-many", spec.encode())
    assert cloud.finish(run_id).status == "rejected"
    paths = {p["path"] for p in cloud.read_json("specs/bad-many/rejection.json")["problems"]}
    assert {
        "constraints.min_accuracy",
        "constraints.max_p95",
        "load.requests_per_second",
        "task.dataset",
        "students[0].path",
    } <= paths


def test_a_dataset_that_is_too_small_ends_the_run_in_words(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "short", num_rows=30))
    row = cloud.finish(run_id)
    assert row.status in ("rejected", "failed")
    assert "heldout" in cloud.summary(run_id).reason.lower().replace("-", "").replace("_", "")
    assert cloud.jobs(run_id) == []
