"""The command line, as a script sees it: output, exit codes, and nothing uploaded that is bad."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from rich.console import Console
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli import batch, endpoint
from stratos.cli.runs import find_run, list_runs
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.cli.submit import submit
from stratos.cli.watch import Moment, Screen, follow
from stratos.contracts.bucket import RunKeys, run_id_of
from stratos.contracts.jobs import Progress
from stratos.errors import (
    EndpointNotFound,
    ModelNotFound,
    NotAwaitingApproval,
    RunNotFound,
    SpecRejected,
    StackNotFound,
)
from tests import factories
from tests.component_api import ComponentApi
from tests.summaries import succeeded_run

EXAMPLE = Path(__file__).parents[4] / "examples" / "mahjong-waits"
STARTED = "2026-11-24T08:00:00+00:00"


@pytest.fixture
def stack(monkeypatch):
    """A stack's bucket and table in moto, found without CloudFormation."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    components = ComponentApi()
    components.install(monkeypatch)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        versioning = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=versioning)
        boto3.client("dynamodb").create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        found = Stack("bucket", "runs", "arn:aws:states:us-east-1:123456789012:stateMachine:s", "g")
        monkeypatch.setattr(Stack, "find", classmethod(lambda cls: found))
        yield found
    components.restore()


@pytest.fixture
def folder(tmp_path):
    """A copy of the example without its weights: small files under the same names."""
    for path in EXAMPLE.rglob("*"):
        if path.is_file() and (path.suffix in (".yaml", ".json") or path.name == "checker.py"):
            target = tmp_path / path.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (tmp_path / "dataset.jsonl").write_text('{"prompt": "q", "completion": "a"}\n')
    (tmp_path / "notes.txt").write_text("not named by the spec")
    for model in ("teacher", "student-base"):
        (tmp_path / "models" / model / "model.safetensors").write_bytes(b"")
    return tmp_path


def put_run(stack: Stack, run_id: str = "r-1", **attributes: str) -> None:
    run = factories.run_ref().model_dump(mode="json")
    item = run | {"run_id": run_id, "status": "succeeded", "spec_name": "r"}
    stack.table.put_item(Item=item | attributes)


def begin_execution(stack: Stack) -> str:
    """An execution that is read as any other; returns its ARN."""
    machine = stack.states.create_state_machine(
        name="s",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/states",
    )
    started = stack.states.start_execution(stateMachineArn=machine["stateMachineArn"])
    return str(started["executionArn"])


def test_a_run_that_is_asked_in_batches_is_listed_with_what_its_traffic_costs(stack, capsys):
    boto3.client("sagemaker").create_model(
        ModelName="stratos-r-1-a0", ExecutionRoleArn="arn:aws:iam::123456789012:role/batches"
    )
    put_run(stack, batch_model_name="stratos-r-1-a0", usd_per_hour="0.01", live_since=STARTED)
    [row] = json.loads(CliRunner().invoke(cli.app, ["runs", "--json"]).output)
    assert (row["live"], row["keep"], row["endpoint_name"]) == (True, False, None)
    assert (row["batch_model_name"], row["usd_per_month"]) == ("stratos-r-1-a0", 7.3)
    shown = CliRunner().invoke(cli.app, ["runs"], env={"COLUMNS": "200"}).output
    assert "1 live, $7.30 a month in all" in shown


def test_a_model_that_batches_ask_goes_with_its_run(stack):
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="stratos-r-1-a0", ExecutionRoleArn="arn:aws:iam::123456789012:role/batches"
    )
    put_run(stack, batch_model_name="stratos-r-1-a0")
    deleted = endpoint.delete(stack, find_run(stack, "r-1"), objects=False)
    assert deleted == ["stratos-r-1-a0"]
    assert sagemaker.list_models()["Models"] == []
    assert find_run(stack, "r-1").batch_model_name is None


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"endpoint_name": "stratos-r"}, "ask it with `stratos invoke`"),
        ({"status": "failed"}, "is failed and has no model that batches may ask"),
        ({"batch_model_name": "stratos-r-1-a0"}, "deployment.json of run r-1 is gone"),
    ],
)
def test_a_run_without_a_model_for_batches_is_explained(stack, tmp_path, attributes, problem):
    put_run(stack, **attributes)
    questions = tmp_path / "q.txt"
    questions.write_text("one\n")
    with pytest.raises(ModelNotFound, match=problem):
        batch.ask(stack, find_run(stack, "r-1"), questions, tmp_path, lambda now: None)


def put_model(stack: Stack, run_id: str) -> None:
    """A model and its endpoint configuration, both named after a run."""
    stack.sagemaker.create_model(
        ModelName=run_id,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": run_id,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    stack.sagemaker.create_endpoint_config(EndpointConfigName=run_id, ProductionVariants=[variant])


def put_endpoint(stack: Stack, name: str, run_id: str) -> None:
    put_model(stack, run_id)
    stack.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=run_id)


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and standard output of the command line."""
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def keys(stack: Stack) -> set[str]:
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket).get("Contents", [])
    return {item["Key"] for item in listed}


def test_submit_uploads_what_the_spec_names_and_the_spec_last(stack, folder):
    code, out = run("submit", str(folder), "--json")
    answer = json.loads(out)
    assert code == 0
    assert "specs/mahjong-waits/models/teacher/model.safetensors" in keys(stack)
    assert "specs/mahjong-waits/notes.txt" not in keys(stack)
    uploaded = stack.s3.list_objects_v2(Bucket="bucket")["Contents"]
    spec_key = "specs/mahjong-waits/spec.yaml"
    newest = max(item["LastModified"] for item in uploaded)
    assert next(i for i in uploaded if i["Key"] == spec_key)["LastModified"] == newest
    version = stack.s3.head_object(Bucket="bucket", Key=spec_key)["VersionId"]
    assert answer["run_id"] == run_id_of("bucket", spec_key, version)


def test_a_bad_spec_is_refused_before_anything_is_uploaded(stack, folder):
    spec = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(spec.replace("min_accuracy:", "min_acuracy:"))
    with pytest.raises(SpecRejected, match="did you mean"):
        submit(stack, folder, lambda file: None)
    assert keys(stack) == set()


def test_a_folder_without_a_spec_says_what_is_needed(stack, tmp_path):
    with pytest.raises(SpecRejected, match=r"holds no spec\.yaml"):
        submit(stack, tmp_path, lambda file: None)


def test_runs_lists_what_is_live_and_its_monthly_cost(stack):
    put_endpoint(stack, "e", "r-1")
    hosted = {"endpoint_name": "e", "usd_per_hour": "0.1", "live_since": STARTED}
    put_run(stack, "r-1", **hosted, expires_at="2999-01-01T00:00:00Z")
    put_run(stack, "r-2", **hosted, expires_at="2020-01-01T00:00:00Z")
    put_run(stack, "r-3", status="failed", started_at="2026-12-01T00:00:00+00:00")
    put_run(stack, "r-4", **hosted)
    put_run(stack, "r-5", **hosted | {"endpoint_name": "deleted-in-the-console"})
    put_run(stack, "r-6", **hosted, status="failed")  # after its model was promoted
    code, out = run("runs", "--json")
    rows = {row["run_id"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["r-1"]["live"]
    assert rows["r-1"]["usd_per_month"] == pytest.approx(73)
    assert (rows["r-1"]["live_since"], rows["r-1"]["keep"]) == (STARTED, False)
    assert not rows["r-2"]["live"]
    assert rows["r-4"]["keep"]
    assert (rows["r-5"]["live"], rows["r-5"]["usd_per_month"]) == (False, None)
    assert rows["r-6"]["live"]
    assert list_runs(stack)[0].run_id == "r-3"
    _, table = run("runs")
    assert "3 live, $219.00 a month" in table


def test_a_run_that_waits_says_since_when_and_until_when(stack):
    times = {"awaiting_approval_since": STARTED, "approve_by": "2026-11-27T08:00:00+00:00"}
    put_run(stack, "r-1", status="running", task_token="t-secret", **times)
    code, out = run("runs", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert {name: row[name] for name in times} == times
    assert "t-secret" not in out


def test_report_saves_both_files_and_prints_the_summary(stack, tmp_path):
    summary = succeeded_run(run_id="r-1")
    put_run(stack, "r-1")
    stack.s3.put_object(
        Bucket="bucket", Key=RunKeys("r-1").summary, Body=summary.model_dump_json().encode()
    )
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-1").report, Body=b"<html></html>")
    code, out = run("report", "r-1", "--json", "--out", str(tmp_path / "out"))
    assert code == 0
    assert json.loads(out)["student"]["accuracy"]["n"] == 600
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", "run.json"]
    _, text = run("report", "r-1")
    for expected in (
        "57.0% (53.0–60.9, n=600)",
        "student ÷ teacher",
        "Knowledge Injection",
        "1080 (864–)",
        "$0.014",
    ):
        assert expected in text.replace("\n", " ")


def test_an_unknown_run_names_those_there_are(stack):
    put_run(stack, "r-1")
    with pytest.raises(RunNotFound, match=r"no run 'r-9'; the latest runs are: r-1"):
        find_run(stack, "r-9")


@pytest.mark.parametrize(
    ("status", "code"),
    [("succeeded", 0), ("unchanged", 0), ("failed", 3), ("rejected", 4), ("stopped", 5)],
)
def test_watch_exits_with_how_the_run_ended(stack, status, code):
    put_run(stack, "r-1", status=status, execution_arn=begin_execution(stack))
    assert run("watch", "r-1", "--json")[0] == code


def test_watch_waits_for_a_run_to_begin_and_gives_up_in_words(stack):
    naps: list[float] = []
    execution_arn = begin_execution(stack)

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            put_run(stack, "r-1", execution_arn=execution_arn)

    assert [m.run.status for m in follow(stack, "r-1", sleep=sleep)] == ["succeeded"]
    assert len(naps) == 3
    with pytest.raises(RunNotFound, match="did not start within 5 s"):
        list(follow(stack, "r-9", start_timeout_seconds=5, sleep=naps.append))


def test_without_a_terminal_progress_is_a_line_a_tenth():
    row = factories.run_row("r-1")

    def moment(done: float, step: str = "distill", state: str = "Distill") -> Moment:
        progress = Progress(
            step=step,  # type: ignore[arg-type]
            label="student",
            done=done,
            total=200,
            unit="steps",
            seconds=1,
            tokens_per_second=9_000,
            loss=0.5,
            seconds_left=30,
        )
        return Moment(row, state, progress)

    console = Console(width=200, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    moments = [moment(1), moment(5), moment(41), moment(42), moment(3, "evaluate"), moment(1)]
    Screen(console).show(iter(moments))
    lines = console.export_text().splitlines()
    console.file.close()
    assert lines == [
        "Distill: student 0/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
        "Distill: student 40/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
        "Distill",
        "Distill: student 0/200 steps, 9,000 tokens/s, loss 0.500, 30.0 s left",
    ]


def test_a_watched_run_that_waits_says_what_for():
    row = factories.run_row("r-1", task_token="t", approve_by="2026-11-27T08:00:00+00:00")
    console = Console(width=200, record=True, file=io.StringIO())
    Screen(console).show(iter([Moment(row, "AwaitApproval", None)]))
    assert console.export_text().strip() == (
        "AwaitApproval: `stratos approve r-1` or `stratos reject r-1`, by 2026-11-27T08:00:00+00:00"
    )


def test_invoke_without_an_endpoint_says_so(stack):
    put_run(stack, "r-1", status="failed")
    with pytest.raises(EndpointNotFound, match="is failed and has no endpoint"):
        endpoint.invoke(stack, find_run(stack, "r-1"), "q", 8)


def test_delete_removes_endpoint_config_and_model_of_its_run_only(stack):
    sagemaker = stack.sagemaker
    put_model(stack, "r-1")
    put_endpoint(stack, "e", "r-2")
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1"), objects=False) == []
    assert len(sagemaker.list_endpoints()["Endpoints"]) == 1
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-2").summary, Body=b"{}")
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-2").checkpoints("distill"), Body=b"")
    code, out = run("delete", "r-2", "--objects", "--json")
    assert code == 0
    assert json.loads(out)["deleted"][:3] == ["e", "r-2", "r-2"]
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert keys(stack) == set()
    assert find_run(stack, "r-2").status == "deleted"


def test_delete_removes_a_component_and_its_model_before_the_endpoint(stack):
    sagemaker = stack.sagemaker
    for run_id in ("r-1", "r-2"):
        put_model(stack, run_id)
    variant = {
        "VariantName": "AllTraffic",
        "InstanceType": "ml.m5.large",
        "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0},
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="r-1",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
        ProductionVariants=[variant],
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="r-1")
    sagemaker.create_inference_component(
        InferenceComponentName="e",
        EndpointName="e",
        VariantName="AllTraffic",
        Specification={"ModelName": "r-2"},
        RuntimeConfig={"CopyCount": 1},
    )
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1"), objects=False) == []  # r-2 took it over
    assert endpoint.delete(stack, find_run(stack, "r-2"), objects=False) == ["r-2", "e", "r-1"]
    assert sagemaker.list_inference_components()["InferenceComponents"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_no_stack_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), pytest.raises(StackNotFound, match="stratos local up"):
        Stack.find()


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("status", ["running", "succeeded", "failed"])
def test_a_run_that_does_not_wait_cannot_be_decided(stack, decision, status):
    put_run(stack, "r-1", status=status, **({} if status == "running" else {"task_token": "t"}))
    with pytest.raises(NotAwaitingApproval, match=f"r-1 is {status} and does not wait"):
        run(decision, "r-1", "--reason", "x")


def test_sweeping_without_a_stack_says_what_to_deploy(stack):
    with pytest.raises(StackNotFound, match="no function stratos-sweep"):
        run("sweep", "--dry-run")


def test_a_pipe_is_as_wide_as_tables_need_unless_somebody_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == 120
    monkeypatch.setenv("COLUMNS", "70")
    assert make_console().width == 70
