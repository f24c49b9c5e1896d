"""An embedded cloud that is killed, or whose disk is full: what it had acknowledged is there."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto_cloud import Cloud
from restarts import make_role, serving

from infra.local import daemon
from infra.local.host.settings import LocalSettings
from infra.local.s3.bodies import BodyStore
from infra.local.saved.journal import Journal
from infra.local.saved.objects import put_key
from infra.local.saved.state import RestoreError
from tests.patience import eventually

TABLE: dict[str, Any] = {
    "TableName": "rows",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
WAITS = {
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Next": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 3600, "End": True},
    },
}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[LocalSettings]:
    local = LocalSettings(state_dir=tmp_path / "state")
    yield local
    daemon.stop(local)


def started(settings: LocalSettings) -> Cloud:
    port = int(daemon.start(settings).rpartition(":")[2])
    return Cloud(settings.model_copy(update={"port": port}))


def kill(settings: LocalSettings) -> None:
    pid = daemon.status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not daemon.status(settings).alive)


class Writer(threading.Thread):
    """Writes objects and items, and notes those that were acknowledged."""

    def __init__(self, cloud: Cloud, first: int) -> None:
        super().__init__()
        self.acknowledged: dict[str, int] = {}
        self.enough = threading.Event()
        self._cloud = cloud
        self._first = first

    def run(self) -> None:
        s3, dynamodb = self._cloud("s3"), self._cloud("dynamodb")
        for number in range(self._first, self._first + 10_000):
            key, body = f"k{number % 7}", str(number).encode()
            item = {"id": {"S": key}, "n": {"N": str(number)}}
            try:
                s3.put_object(Bucket="kept", Key=key, Body=body)
                dynamodb.put_item(TableName="rows", Item=item)
            except (BotoCoreError, ClientError):
                return
            self.acknowledged[key] = number
            if len(self.acknowledged) == 7:
                self.enough.set()


def test_what_was_acknowledged_outlives_kills_at_any_moment(settings: LocalSettings) -> None:
    moments, first = random.Random(20_260), 0
    cloud = started(settings)
    cloud("s3").create_bucket(Bucket="kept")
    cloud("dynamodb").create_table(**TABLE)
    for _ in range(3):
        writer = Writer(cloud, first)
        writer.start()
        assert writer.enough.wait(600)
        threading.Event().wait(moments.uniform(0.0, 1.5))  # in or between two saves
        kill(settings)
        writer.join()
        cloud = started(settings)
        for key, number in writer.acknowledged.items():
            body = cloud("s3").get_object(Bucket="kept", Key=key)["Body"].read()
            # The one that was under way may be there as well.
            assert int(body) in (number, number + 7)
            row = cloud("dynamodb").get_item(TableName="rows", Key={"id": {"S": key}})["Item"]
            assert int(row["n"]["N"]) in (number, number + 7)
        first = max(writer.acknowledged.values()) + 8


def entered(cloud: Cloud, execution_arn: str) -> list[str]:
    """The states that an execution has come to."""
    history = cloud("stepfunctions").get_execution_history(executionArn=execution_arn)["events"]
    return [
        e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e
    ]


def test_executions_that_a_kill_ended_are_reported_and_those_that_had_ended_are_not(
    settings: LocalSettings,
) -> None:
    cloud = started(settings)
    make_role(cloud)
    pattern = {"source": ["aws.states"], "detail": {"status": ["ABORTED"]}}
    resources = {
        "Ended": {"Type": "AWS::SQS::Queue"},
        "OnEnd": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": pattern,
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Ended", "Arn"]}}],
            },
        },
        "Admit": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Ended"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": "*",
                        }
                    ],
                },
            },
        },
    }
    cloud("cloudformation").create_stack(
        StackName="Told",
        TemplateBody=json.dumps(
            {"Resources": resources, "Outputs": {"Queue": {"Value": {"Ref": "Ended"}}}}
        ),
    )
    described = cloud("cloudformation").describe_stacks(StackName="Told")["Stacks"][0]
    queue = described["Outputs"][0]["OutputValue"]
    waits = cloud.create_state_machine("Waits", WAITS)
    passes = cloud.create_state_machine(
        "Passes", {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    )
    saved = settings.state_dir / "saved" / "state.json"
    eventually(lambda: b"OnEnd" in saved.read_bytes() and b"Roles" in saved.read_bytes())
    cloud.execute(passes, {})
    running = cloud("stepfunctions").start_execution(stateMachineArn=waits, input='{"k": 1}')
    eventually(lambda: "Wait" in entered(cloud, running["executionArn"]))
    kill(settings)
    cloud = started(settings)
    detail = cloud.receive(queue)["Body"]["detail"]
    assert (detail["executionArn"], detail["input"]) == (running["executionArn"], '{"k": 1}')
    assert detail["cause"] == "the embedded cloud was killed while it ran"
    assert cloud.stays_empty(queue)


def test_what_came_after_the_last_save_is_replayed_in_order(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="kept")
        for body in (b"one", b"two"):
            s3.put_object(Bucket="kept", Key="a", Body=body)
        s3.put_object(Bucket="kept", Key="b", Body=b"b")
        s3.put_object(Bucket="kept", Key="c", Body=b"c")
        s3.delete_object(Bucket="kept", Key="b")
        s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "c"}]})
        found = list(Journal(tmp_path / "saved").read(0))
    last = {entry["object"]["key"]: entry["object"]["versions"] for entry in found}
    assert {key: len(versions) for key, versions in last.items()} == {"a": 1, "b": 0, "c": 0}
    assert list(Journal(tmp_path / "saved").read(0)) == []  # the save at the end has them


def test_a_stack_is_made_once_while_the_cloud_saves_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.saved.keeping._PAUSE_SECONDS", 0.0)
    properties = {name: TABLE[name] for name in TABLE if name != "TableName"}
    tables = {
        f"Rows{number}": {"Type": "AWS::DynamoDB::Table", "Properties": properties}
        for number in range(12)
    }
    with serving(tmp_path) as cloud:
        cloud("cloudformation").create_stack(
            StackName="Tables", TemplateBody=json.dumps({"Resources": tables})
        )
        assert len(cloud("dynamodb").list_tables()["TableNames"]) == 12


def test_a_line_holds_what_is_new_of_an_object_however_many_versions_it_has(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="kept")
        status = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration=status)
        for number in range(5):
            s3.put_object(Bucket="kept", Key="progress", Body=b"%d" % number)
        tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
        s3.put_object_tagging(Bucket="kept", Key="progress", Tagging=tags)
        noted = [entry["object"] for entry in Journal(tmp_path / "saved").read(0)]
        assert [len(one["versions"]) for one in noted[-5:]] == [1] * 5
        state: dict[str, Any] = {}
        for one in noted:
            put_key(state, one)
        versions = state["kept"]["objects"]["progress"]
        listed = s3.list_object_versions(Bucket="kept")["Versions"]
        assert [one["id"] for one in versions] == [one["VersionId"] for one in listed][::-1]
        assert [one["tags"] for one in versions] == [{}] * 4 + [{"k": "v"}]
        s3.delete_object(Bucket="kept", Key="progress", VersionId=versions[1]["id"])
        put_key(state, [e["object"] for e in Journal(tmp_path / "saved").read(0)][-1])
        left = [one["id"] for one in state["kept"]["objects"]["progress"]]
        assert left == [one["id"] for one in versions if one["id"] != versions[1]["id"]]


@pytest.mark.parametrize("content", ["", "[]", '{"format"', "\x00" * 64])
def test_a_damaged_state_is_said_in_words_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    saved = tmp_path / "saved" / "state.json"
    saved.parent.mkdir()
    saved.write_text(content)
    with (
        pytest.raises(RestoreError, match=r"state\.json .*Move that directory away"),
        serving(tmp_path),
    ):
        pass
    assert saved.read_text() == content


def test_a_full_disk_is_said_in_words_and_what_was_kept_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(tmp_path) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="a", Body=b"one")
        for owner in (BodyStore, Journal):
            with monkeypatch.context() as patched:
                patched.setattr(owner, "write", full)
                with pytest.raises(ClientError, match=r"disk under .* is full.*Free some") as told:
                    s3.put_object(Bucket="kept", Key="b", Body=b"two")
                assert told.value.response["Error"]["Code"] == "InsufficientStorage"
        assert s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"one"
        s3.put_object(Bucket="kept", Key="c", Body=b"three")
    with serving(tmp_path) as cloud:
        assert cloud("s3").get_object(Bucket="kept", Key="a")["Body"].read() == b"one"
        assert cloud("s3").get_object(Bucket="kept", Key="c")["Body"].read() == b"three"


def test_a_stack_that_is_made_is_kept_without_a_stop(settings: LocalSettings) -> None:
    cloud = started(settings)
    content = {"Resources": {"Data": {"Type": "AWS::S3::Bucket"}}}
    cloud("cloudformation").create_stack(
        StackName="Kept", TemplateBody=json.dumps(content), Capabilities=["CAPABILITY_IAM"]
    )
    saved = settings.state_dir / "saved" / "state.json"
    eventually(lambda: b"Kept" in saved.read_bytes())
    kill(settings)
    [stack] = started(settings)("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackName"] == "Kept"
