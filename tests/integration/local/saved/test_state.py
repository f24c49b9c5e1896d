"""What a cloud saves when it stops is there when it starts again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from assembly import ROLE, function, template, write_assembly
from moto.moto_api._internal.models import moto_api_backend
from restarts import serving

from infra.local.cloudformation.deploy import deploy
from infra.local.host.settings import LocalSettings
from infra.local.saved.journal import Journal
from infra.local.saved.kinds import SavedRoles
from infra.local.saved.state import RestoreError
from infra.local.server import LocalCloud
from infra.local.stepfunctions.executions import has_begun, running_executions
from tests.patience import eventually

SOURCES = {"app.py": "def handler(event, context):\n    return event\n"}


def stack(tmp_path: Path) -> Path:
    bucket = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    }
    table = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    wait = {
        "StartAt": "B",
        "States": {
            "B": {"Type": "Pass", "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 600, "End": True},
        },
    }
    resources = {
        "Role": ROLE,
        "Data": {"Type": "AWS::S3::Bucket", "Properties": bucket},
        "Runs": {"Type": "AWS::DynamoDB::Table", "Properties": table},
        "Work": function("work"),
        "Ended": {"Type": "AWS::SQS::Queue"},
        "Arrived": {"Type": "AWS::SQS::Queue"},
        "Flow": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(wait),
            },
        },
        "Admit": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Ended"}, {"Ref": "Arrived"}],
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
        "OnEnd": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.states"], "detail": {"status": ["ABORTED"]}},
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Ended", "Arn"]}}],
            },
        },
        "OnUpload": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.s3"]},
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Arrived", "Arn"]}}],
            },
        },
    }
    names = ("Data", "Runs", "Work", "Flow", "Ended", "Arrived")
    # Left out, as what the template has for subnets is by default.
    resources["LeftOut"] = {"Type": "AWS::S3::Bucket", "Condition": "Never"}
    content = template(resources, **{name: {"Ref": name} for name in names})
    content["Conditions"] = {"Never": {"Fn::Equals": ["a", "b"]}}
    return write_assembly(tmp_path / "assembly", "Kept", content, {"work": SOURCES})


def test_a_stack_comes_back_with_its_names_its_data_and_its_code(tmp_path: Path) -> None:
    assembly, state = stack(tmp_path), tmp_path / "state"
    with serving(state) as cloud:
        made = deploy(assembly, cloud.settings.endpoint_url, cloud.settings.key.owner)
        s3 = cloud("s3")
        old = s3.put_object(Bucket=made["Data"], Key="a/b", Body=b"old")["VersionId"]
        new = s3.put_object(
            Bucket=made["Data"],
            Key="a/b",
            Body=b"\x00new",
            ContentType="application/x-thing",
            Metadata={"run": "r1"},
            Tagging="k=v",
        )
        s3.put_object(Bucket=made["Data"], Key="gone", Body=b"x")
        s3.delete_object(Bucket=made["Data"], Key="gone")
        item = {"id": {"S": "r1"}, "n": {"N": "1.5"}, "raw": {"B": b"\x01"}, "l": {"L": []}}
        cloud("dynamodb").put_item(TableName=made["Runs"], Item=item)

    with serving(state) as cloud:
        assert deploy(assembly, cloud.settings.endpoint_url, cloud.settings.key.owner) == made
        s3 = cloud("s3")
        latest = s3.get_object(Bucket=made["Data"], Key="a/b")
        assert latest["Body"].read() == b"\x00new"
        assert (latest["VersionId"], latest["ETag"]) == (new["VersionId"], new["ETag"])
        assert (latest["ContentType"], latest["Metadata"]) == ("application/x-thing", {"run": "r1"})
        tags = s3.get_object_tagging(Bucket=made["Data"], Key="a/b")["TagSet"]
        assert tags == [{"Key": "k", "Value": "v"}]
        before = s3.get_object(Bucket=made["Data"], Key="a/b", VersionId=old)
        assert before["Body"].read() == b"old"
        versions = s3.list_object_versions(Bucket=made["Data"])
        assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["gone"]
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=made["Data"])["Contents"]] == [
            "a/b"
        ]
        assert cloud("dynamodb").scan(TableName=made["Runs"])["Items"] == [item]
        assert cloud.invoke(made["Work"], {"x": 1})["Payload"] == {"x": 1}
        # Restoring is no upload: the queue of upload events stays empty until there is a new one.
        assert cloud.queue_length(made["Arrived"]) == 0
        s3.put_object(Bucket=made["Data"], Key="c", Body=b"")
        assert cloud.receive(made["Arrived"])["Body"]["detail"]["object"]["key"] == "c"


def test_an_execution_that_was_running_is_reported_aborted_by_the_next_cloud(
    tmp_path: Path,
) -> None:
    assembly, state = stack(tmp_path), tmp_path / "state"
    with serving(state) as cloud:
        made = deploy(assembly, cloud.settings.endpoint_url, cloud.settings.key.owner)
        execution = cloud("stepfunctions").start_execution(
            stateMachineArn=made["Flow"], name="run-1", input='{"k": 1}'
        )["executionArn"]
        [running] = running_executions()
        eventually(lambda: has_begun(running))
    with serving(state) as cloud:
        detail = cloud.receive(made["Ended"])["Body"]["detail"]
    assert (detail["executionArn"], detail["status"]) == (execution, "ABORTED")
    assert (detail["input"], detail["name"]) == ('{"k": 1}', "run-1")
    assert "stopped while it ran" in detail["cause"]


def test_a_state_that_cannot_be_restored_is_kept_and_explained(tmp_path: Path) -> None:
    saved = tmp_path / "saved" / "state.json"
    saved.parent.mkdir()
    saved.write_text(json.dumps({"format": 99}))
    threads = threading.active_count()
    with (
        pytest.raises(RestoreError, match=r"format is 99, not 2\. Move that directory away"),
        serving(tmp_path),
    ):
        pass
    assert saved.exists()
    assert threading.active_count() == threads


def test_each_region_gets_back_what_was_in_it(tmp_path: Path) -> None:
    regions = ("us-east-1", "eu-west-1")
    bucket, table = template({"Data": {"Type": "AWS::S3::Bucket"}}), "notes"
    path = write_assembly(tmp_path / "cdk.out", "Worker", bucket, environment="aws:///eu-west-1")
    with serving(tmp_path / "state", regions=regions) as cloud:
        deploy(path, cloud.settings.endpoint_url, cloud.settings.key.owner, regions=regions)
        worker = cloud.in_region("eu-west-1")
        name = worker("s3").list_buckets()["Buckets"][-1]["Name"]
        worker("s3").put_object(Bucket=name, Key="kept", Body=b"content")
        worker("secretsmanager").create_secret(Name=table, SecretString="of the worker")
    with serving(tmp_path / "state", regions=regions) as cloud:
        worker = cloud.in_region("eu-west-1")
        assert worker("s3").get_object(Bucket=name, Key="kept")["Body"].read() == b"content"
        where = cloud("s3").get_bucket_location(Bucket=name)["LocationConstraint"]
        assert where == "eu-west-1"
        assert worker("cloudformation").describe_stacks()["Stacks"][0]["StackName"] == "Worker"
        assert cloud("cloudformation").describe_stacks()["Stacks"] == []
        secret = worker("secretsmanager").get_secret_value(SecretId=table)
        assert secret["SecretString"] == "of the worker"
        assert cloud("secretsmanager").list_secrets()["SecretList"] == []
    with (
        pytest.raises(RestoreError, match=r"something in eu-west-1; start it with --regions"),
        serving(tmp_path / "state"),
    ):
        pass


def test_a_port_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    def port() -> Any:
        with serving(tmp_path) as cloud:
            return cloud.settings.port

    assert port() == port()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda state: state.pop("buckets"), "it is damaged .*KeyError: 'buckets'"),
        (lambda state: state.update(stacks=7), "it is damaged .*TypeError"),
        (lambda state: state.update(records={"us-east-1": {"secrets": [{}]}}), "it is damaged"),
        (
            lambda state: state["buckets"].update(kept=version_in("../../elsewhere")),
            "'../../elsewhere' is no name of a content",
        ),
    ],
)
def test_a_damaged_state_is_told_and_left_as_it_is(
    tmp_path: Path, damage: Callable[[dict[str, Any]], object], told: str
) -> None:
    state: dict[str, Any] = {"format": 2, "stacks": [], "buckets": {}, "records": {}, "aborted": []}
    damage(state)
    saved = tmp_path / "saved" / "state.json"
    saved.parent.mkdir()
    saved.write_text(json.dumps(state))
    with pytest.raises(RestoreError, match=f"{told}.*Move that directory away"), serving(tmp_path):
        pass
    assert json.loads(saved.read_text()) == state


def damaged_journal(tmp_path: Path) -> Path:
    """A state whose journal has a line that cannot be read, and a content that nothing names."""
    saved = tmp_path / "saved"
    (saved / "blobs").mkdir(parents=True)
    (saved / "blobs" / "unnamed").write_bytes(b"content")
    (saved / "journal-1.jsonl").write_bytes(b'{"item"! {}}\n{"done": "nothing"}\n')
    return saved


def kept_aside(saved: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (saved / "damaged").iterdir()}


ASIDE = {"unnamed": b"content", "journal-1.jsonl": b'{"item"! {}}\n{"done": "nothing"}\n'}


def test_a_damaged_change_is_told_and_what_it_may_have_named_is_put_aside(tmp_path: Path) -> None:
    saved = damaged_journal(tmp_path)
    moto_api_backend.reset()
    cloud = LocalCloud(LocalSettings(state_dir=tmp_path))
    cloud.start()
    try:
        [told] = cloud.damaged
        assert told.startswith("journal-1.jsonl: a change that was acknowledged is lost")
        assert kept_aside(saved) == ASIDE
        assert not (saved / "journal-1.jsonl").exists()
    finally:
        cloud.stop()
    with serving(tmp_path):  # later saves put nothing more aside
        assert kept_aside(saved) == ASIDE


def test_what_a_damaged_change_named_outlives_an_end_in_the_middle_of_the_next_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = damaged_journal(tmp_path)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as ending:
        ending.setattr(Journal, "forget_before", end)
        with pytest.raises(KeyboardInterrupt), serving(tmp_path):
            pass
    with serving(tmp_path):
        assert kept_aside(saved) == ASIDE


def test_what_is_deleted_while_it_is_saved_does_not_hold_the_save_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SavedRoles.save
    looks: list[str] = []

    def save(kind: SavedRoles, cloud: Any) -> Any:
        looks.append("a look")
        if len(looks) == 1:  # a role that was listed, and is gone
            cloud.client("iam").get_role(RoleName="gone")
        return original(kind, cloud)

    with serving(tmp_path) as cloud:
        trust = json.dumps(ROLE["Properties"]["AssumeRolePolicyDocument"])
        cloud("iam").create_role(RoleName="kept", Path="/of/a/run/", AssumeRolePolicyDocument=trust)
        monkeypatch.setattr(SavedRoles, "save", save)
    assert len(looks) >= 2
    with serving(tmp_path) as cloud:
        assert cloud("iam").get_role(RoleName="kept")["Role"]["Path"] == "/of/a/run/"


def test_a_key_without_a_version_is_none(tmp_path: Path) -> None:
    bucket = version_in("nothing") | {"objects": {"k": []}}
    state = {"format": 2, "stacks": [], "buckets": {"kept": bucket}, "records": {}, "aborted": []}
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state))
    with serving(tmp_path) as cloud:
        assert cloud("s3").list_objects_v2(Bucket="kept")["KeyCount"] == 0


def version_in(blob: str) -> dict[str, Any]:
    """A bucket with one object, whose content has this name."""
    version = {"id": "null", "modified": "2026-01-01T00:00:00", "deleted": False, "blob": blob}
    return {"region": "us-east-1", "versioning": None, "objects": {"k": [version]}}
