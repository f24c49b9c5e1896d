"""`stratos batch` against transform jobs that really run."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from endpoint_models import CODE_IMAGE, SERVER
from sagemaker_cloud import BUCKET, ROLE, Cloud, running_cloud

from infra.local.sagemaker.transform.jobs import TransformJobProcesses
from stratos.cli import batch, endpoint
from stratos.cli.runs import find_run
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRow
from stratos.errors import BatchFailed, BatchRejected, ModelNotFound
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.names import DEFAULT_STACK, StackNames
from stratos.hosting.transform_job import BATCH_TAG
from tests import factories
from tests.patience import eventually
from tests.summaries import server


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running_cloud([TransformJobProcesses()], tmp_path_factory.mktemp("state")) as running:
        running.client("dynamodb").create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield running


@pytest.fixture
def stack(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Stack:
    for name, value in cloud.settings.client_environment(cloud.settings.endpoint_url).items():
        monkeypatch.setenv(name, value)
    return Stack(
        BUCKET,
        "runs",
        "arn:aws:states:us-east-1:123456789012:stateMachine:s",
        "g",
        StackNames(DEFAULT_STACK),
    )


def promoted(cloud: Cloud, stack: Stack, run_id: str, **environment: str) -> RunRow:
    """A run in charge, as Promote leaves it, with a model that is a tiny server."""
    run = factories.run_ref().model_copy(update={"run_id": run_id, "bucket": BUCKET})
    spec = factories.spec(hosting={"mode": "batch"}, constraints={})
    serving = server("ml.local.cpu1", 3.6)
    model = cloud.put_tar(
        f"models/{run_id}.tar.gz",
        {
            "answer.txt": "z1\u2028",
            "code/serving/__main__.py": SERVER,
            "code/serving/__init__.py": "",
        },
    )
    evidence = factories.match_evidence(serving, 100, "batch")
    order = replace(factories.order(spec, evidence, uri=model), run=run)
    deployment = build_deployment(order)
    assert isinstance(deployment, BatchDeployment)
    container = deployment.container
    container["Environment"] |= environment
    container["Image"] = CODE_IMAGE
    cloud.sagemaker.create_model(
        ModelName=deployment.model_name, PrimaryContainer=container, ExecutionRoleArn=ROLE
    )
    keys = RunKeys(run_id)
    cloud.put(keys.deployment, deployment.model_dump_json())
    cloud.put(keys.spec, spec.model_dump_json())
    row = {"status": "succeeded", "batch_model_name": deployment.model_name}
    stack.table.put_item(Item=run.model_dump(mode="json") | row)
    return find_run(stack, run_id)


def questions(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "questions.txt"
    path.write_text("".join(f"question {number}\n" for number in range(count)))
    return path


def quiet(told: object) -> None:
    """Nobody listens."""


def jobs(cloud: Cloud, run_id: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = cloud.sagemaker.list_transform_jobs(NameContains=run_id)[
        "TransformJobSummaries"
    ]
    return found


def test_answers_come_in_the_order_of_the_questions_with_their_bill(cloud, stack, tmp_path):
    run = promoted(cloud, stack, "tiles-00000001")
    told: list[batch.Progress] = []
    done = batch.ask(stack, run, questions(tmp_path, 50), tmp_path / "to", told.append, quiet)
    assert done.answers_path == tmp_path / "to" / "questions.answers.jsonl"
    rows = [json.loads(line) for line in done.answers_path.read_bytes().splitlines()]
    assert rows == [{"line": number, "answer": "z1\u2028"} for number in range(1, 51)]
    assert (done.result.num_requests, done.result.num_failed) == (50, 0)
    assert done.result.usd == pytest.approx(done.result.seconds * 3.6 / 3600)
    assert told[-1].status == "completed"
    (job,) = jobs(cloud, run.run_id)
    tags = cloud.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"]
    assert {"stratos:run", "stratos:spec", BATCH_TAG} <= {tag["Key"] for tag in tags}
    asked = cloud.keys(RunKeys(run.run_id).prefix + "batches/")
    assert len(asked) == 2
    first = json.loads(cloud.get(f"s3://{BUCKET}/{asked[-1]}").splitlines()[0])
    assert first["messages"] == [{"role": "user", "content": "question 0"}]


def test_a_batch_that_fails_says_why_and_leaves_no_answers(cloud, stack, tmp_path):
    run = promoted(cloud, stack, "tiles-00000002", BROKEN="1")
    asked, told = questions(tmp_path, 3), list[str]()
    asked.write_text(f"{asked.read_text()}{'long ' * 400}\n")
    with pytest.raises(
        BatchFailed, match=r"failed: ClientError: .*out of memory.*line 4 may be too long"
    ):
        batch.ask(stack, run, asked, tmp_path, quiet, told.append)
    assert "have 1,024 tokens together" in told[0]
    assert not (tmp_path / "questions.answers.jsonl").exists()


def test_an_interruption_stops_the_job(cloud, stack, tmp_path):
    run = promoted(cloud, stack, "tiles-00000003", PAUSE_SECONDS="0.5")

    def interrupt(now: batch.Progress) -> None:
        if now.status == "at work":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.ask(stack, run, questions(tmp_path, 500), tmp_path, interrupt, quiet)
    ended = eventually(
        lambda: jobs(cloud, run.run_id)[0]["TransformJobStatus"],
        lambda status: status in ("Stopped", "Completed"),
    )
    assert ended == "Stopped"


def test_deleting_a_run_stops_its_batches(cloud, stack, tmp_path):
    run = promoted(cloud, stack, "tiles-00000004", PAUSE_SECONDS="0.5")
    at_work, errors = threading.Event(), []

    def ask() -> None:
        try:
            batch.ask(
                stack, run, questions(tmp_path, 500), tmp_path, lambda now: at_work.set(), quiet
            )
        except BatchFailed as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert at_work.wait(600)
    deleted = endpoint.delete(stack, run)
    asking.join(600)
    assert [job["TransformJobName"] for job in jobs(cloud, run.run_id)] == deleted[:1]
    assert deleted[1:] == [run.batch_model_name]
    assert "stopped" in str(errors[0])


def test_nothing_is_started_by_what_cannot_be_asked_or_written(cloud, stack, tmp_path):
    run = promoted(cloud, stack, "tiles-00000005")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "a"}\n{"prompt": \n')
    with pytest.raises(BatchRejected, match="line 2: it is not JSON"):
        batch.ask(stack, run, bad, tmp_path, quiet, quiet)
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(BatchRejected, match="cannot be written"):
        batch.ask(stack, run, questions(tmp_path, 1), taken, quiet, quiet)
    assert run.batch_model_name is not None
    cloud.sagemaker.delete_model(ModelName=run.batch_model_name)
    with pytest.raises(ModelNotFound, match="is gone from SageMaker"):
        batch.ask(stack, run, questions(tmp_path, 1), tmp_path, quiet, quiet)
    assert jobs(cloud, run.run_id) == []
