"""What a killed cloud had promised and not done is done by the next one, and nothing else is."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from assembly import function, template, write_assembly
from moto_cloud import Cloud
from restarts import serving

from infra.local.cloudformation.deploy import deploy
from infra.local.events.deliveries import Deliveries
from infra.local.events.targets import Targets
from infra.local.host.outbox import OUTBOX
from infra.local.saved.journal import Journal
from infra.local.saved.state import SavedState
from tests.patience import eventually

CALLED = """
import json, os, pathlib, time, uuid

def handler(event, context):
    calls = pathlib.Path(os.environ["CALLS"])
    name = json.dumps([event["detail"]["name"], event["detail"]["status"]])
    (calls / uuid.uuid4().hex).write_text(name)
    while not (calls.parent / "go").exists():
        time.sleep(0.01)
"""
WAIT = {"Type": "Wait", "Seconds": 3600}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
SERVICES = [f"{name}.amazonaws.com" for name in ("lambda", "states", "events")]
TRUSTED = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": SERVICES}}


def document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def machine(*states: dict[str, Any]) -> dict[str, Any]:
    """One state after the other."""
    named = {
        f"S{number}": state | ({} if state["Type"] == "Fail" else {"End": True})
        for number, state in enumerate(states)
    }
    for number in range(len(states) - 1):
        del named[f"S{number}"]["End"]
        named[f"S{number}"]["Next"] = f"S{number + 1}"
    definition = json.dumps({"StartAt": "S0", "States": named})
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    properties = {"RoleArn": role, "DefinitionString": definition}
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}


def rule(pattern: dict[str, Any], target: str, **rest: Any) -> dict[str, Any]:
    targets = [{"Id": "t", "Arn": {"Fn::GetAtt": [target, "Arn"]}, **rest}]
    properties = {"EventPattern": pattern, "Targets": targets}
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def stack(tmp_path: Path) -> Path:
    """An upload starts a run, and the end of one calls a function, which waits for a file."""
    role = {
        "AssumeRolePolicyDocument": document(TRUSTED),
        "Policies": [{"PolicyName": "All", "PolicyDocument": document(ALL)}],
    }
    bucket = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    ended = {"source": ["aws.states"], "detail": {"status": ["FAILED", "ABORTED"]}}
    variables = {"Variables": {"CALLS": str(tmp_path / "calls")}}
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Data": {"Type": "AWS::S3::Bucket", "Properties": {"NotificationConfiguration": bucket}},
        "Runs": machine({"Type": "Pass"}, WAIT),
        "Waits": machine(WAIT),
        "Fails": machine({"Type": "Fail", "Error": "E", "Cause": "on purpose"}),
        "Called": function("called", Environment=variables, Timeout=600),
        "OnUpload": rule(
            {"source": ["aws.s3"], "detail": {"bucket": {"name": [{"Ref": "Data"}]}}},
            *("Runs",),
            RoleArn={"Fn::GetAtt": ["Role", "Arn"]},
        ),
        "OnEnd": rule(ended, "Called"),
        "Admit": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Called"},
                "Principal": "events.amazonaws.com",
            },
        },
    }
    outputs = {name: {"Ref": name} for name in ("Data", "Runs", "Waits", "Fails")}
    sources = {"called": {"app.py": CALLED}}
    return write_assembly(tmp_path / "assembly", "S", template(resources, **outputs), sources)


def deployed(cloud: Cloud, tmp_path: Path) -> dict[str, str]:
    """The outputs of the stack, which is saved."""
    made = deploy(stack(tmp_path), cloud.settings.endpoint_url, cloud.settings.key.owner)
    saved = cloud.settings.state_dir / "saved" / "state.json"
    eventually(lambda: b"OnEnd" in saved.read_bytes())
    return made


def keys_of_runs(cloud: Cloud, machine_arn: str) -> list[str]:
    described = (
        cloud("stepfunctions").describe_execution(executionArn=one["executionArn"])
        for one in cloud.executions_of(machine_arn)
    )
    return [json.loads(one["input"])["detail"]["object"]["key"] for one in described]


def copied(state_dir: Path, to: Path) -> list[dict[str, Any]]:
    """Copy what a kill would leave now. Returns the lines that tell errands and executions, those
    of the last save first; none if another save came in between."""
    saved = state_dir / "saved"
    state = (saved / "state.json").read_bytes()
    shutil.rmtree(to, ignore_errors=True)
    with suppress(shutil.Error, FileNotFoundError):
        shutil.copytree(saved, to / "saved")
        if (saved / "state.json").read_bytes() == state:
            told = json.loads(state)
            errands = [{"errand": errand} for errand in told["errands"]]
            begun = {event["Resources"][0] for event in told["aborted"]} - set(told["unbegun"])
            executions = [{"execution": {"arn": arn, "has_begun": True}} for arn in begun]
            lines = Journal(to / "saved").read(told["journal"])
            return [*errands, *executions, *lines]
    return []


def tells_beginning(line: dict[str, Any], name: str) -> bool:
    execution = line.get("execution", {"arn": ""})
    return execution["arn"].endswith(name) and execution.get("has_begun", False)


def tells_failure(line: dict[str, Any]) -> bool:
    content = line.get("errand", {"content": {}})["content"]
    return json.loads(content.get("Detail", "{}")).get("status") == "FAILED"


def test_what_was_promised_is_done_after_a_kill_and_what_was_done_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, killed = tmp_path / "calls", tmp_path / "killed"
    calls.mkdir()
    with serving(tmp_path / "state") as cloud:
        made = deployed(cloud, tmp_path)
        s3, states = cloud("s3"), cloud("stepfunctions")
        # It has not left its first state when the cloud is killed.
        states.start_execution(stateMachineArn=made["Waits"], name="begins", input='{"n": 1}')
        # Its function is under way.
        states.start_execution(stateMachineArn=made["Fails"], name="failed")
        eventually(lambda: len(list(calls.iterdir())) == 1)
        # Started, though the process dies before it says so.
        with monkeypatch.context() as dying:
            dying.setattr(OUTBOX, "strike", lambda errand: None)
            s3.put_object(Bucket=made["Data"], Key="started", Body=b"1")
            eventually(lambda: keys_of_runs(cloud, made["Runs"]) == ["started"])
        # Acknowledged, and not delivered.
        go_on = threading.Event()
        deliver = Targets.deliver

        def late(*arguments: Any, **named: Any) -> None:
            go_on.wait(600)
            deliver(*arguments, **named)

        with monkeypatch.context() as slow:
            slow.setattr(Targets, "deliver", late)
            s3.put_object(Bucket=made["Data"], Key="promised", Body=b"2")
            [running] = cloud.executions_of(made["Runs"])
            eventually(
                lambda: any(
                    tells_beginning(line, running["name"])
                    for line in copied(tmp_path / "state", killed)
                )
            )
            go_on.set()
        (tmp_path / "go").touch()
    for path in calls.iterdir():
        path.unlink()
    with serving(killed) as cloud:
        assert eventually(lambda: keys_of_runs(cloud, made["Runs"])) == ["promised"]
        eventually(lambda: len(list(calls.iterdir())) >= 2)
        eventually(lambda: [errand.content for errand in OUTBOX.open()] == [])
        told = sorted(json.loads(path.read_text()) for path in calls.iterdir())
        assert told == sorted([["failed", "FAILED"], [running["name"], "ABORTED"]])
        assert keys_of_runs(cloud, made["Runs"]) == ["promised"]
        [again] = cloud.executions_of(made["Waits"])
        described = cloud("stepfunctions").describe_execution(executionArn=again["executionArn"])
        assert (described["name"], described["input"]) == ("begins", '{"n": 1}')


def test_an_end_that_was_not_told_is_told_once_and_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, killed = tmp_path / "calls", tmp_path / "killed"
    calls.mkdir()
    (tmp_path / "go").touch()
    with serving(tmp_path / "state") as cloud:
        made = deployed(cloud, tmp_path)
        monkeypatch.setattr(
            "infra.local.stepfunctions.executions._put_event", lambda errand: None
        )  # the process dies before
        cloud.execute(made["Fails"], {})
        [ended] = cloud.executions_of(made["Fails"])
        eventually(lambda: any(map(tells_failure, copied(tmp_path / "state", killed))))
        monkeypatch.undo()
    with serving(killed):
        [call] = eventually(lambda: list(calls.iterdir()))
        assert json.loads(eventually(call.read_text)) == [ended["name"], "FAILED"]
        eventually(lambda: [errand.content for errand in OUTBOX.open()] == [])
        assert len(list(calls.iterdir())) == 1


def test_what_is_under_way_when_a_cloud_stops_is_done_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    under_way: list[str] = []
    saved = threading.Event()
    deliver, save, close = Targets.deliver, SavedState.save, Deliveries.close

    def late(targets: Targets, arn: str, *rest: Any, **named: Any) -> None:
        under_way.append(arn)
        saved.wait(600)
        deliver(targets, arn, *rest, **named)

    def save_and_tell(state: SavedState, *cause: Any) -> None:
        save(state, *cause)
        saved.set()

    with monkeypatch.context() as stopping, serving(tmp_path / "state") as cloud:
        made = deployed(cloud, tmp_path)
        s3, states = cloud("s3"), cloud("stepfunctions")

        def close_and_upload(deliveries: Deliveries) -> None:
            close(deliveries)
            s3.put_object(Bucket=made["Data"], Key="uploaded late", Body=b"2")

        stopping.setattr(Targets, "deliver", late)
        s3.put_object(Bucket=made["Data"], Key="promised", Body=b"1")
        states.start_execution(stateMachineArn=made["Fails"], name="failed")
        eventually(lambda: len(under_way) == 2)
        stopping.setattr(SavedState, "save", save_and_tell)
        stopping.setattr(Deliveries, "close", close_and_upload)
    for path in calls.iterdir():
        path.unlink()
    (tmp_path / "go").touch()
    with serving(tmp_path / "state") as cloud:
        eventually(lambda: "uploaded late" in keys_of_runs(cloud, made["Runs"]))
        eventually(lambda: [errand.content for errand in OUTBOX.open()] == [])
        told = [json.loads(path.read_text()) for path in calls.iterdir()]
        assert ["failed", "FAILED"] in told
        # It begins again, or is reported: by whether it had left its first state.
        is_reported = "ABORTED" in [status for _, status in told]
        assert is_reported or "promised" in keys_of_runs(cloud, made["Runs"])
