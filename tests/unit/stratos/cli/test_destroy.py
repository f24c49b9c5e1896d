from dataclasses import replace

import boto3
import pytest

from stratos.cli import destroy
from stratos.cli.ending import StackUse
from stratos.cli.stack import Stack
from stratos.deploying.deployment import Account
from stratos.errors import StackFailed, StackInUse, StackNotFound
from tests.fake_cloudformation import FakeCloudFormation
from tests.unit.stratos.cli.stack_contents import put, put_run, run


@pytest.fixture
def cloudformation(stack, monkeypatch):
    """The stack as CloudFormation has it, and nothing to wait for."""
    found = FakeCloudFormation(told=[("Queue", "AWS::SQS::Queue", "DELETE_COMPLETE", "")])
    tags = [{"Key": "stratos:stack", "Value": "Stratos"}]
    found.add_stack("Stratos", "CREATE_COMPLETE", Tags=tags)
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    found.template = {"Resources": {"Bucket": kept}}
    found.resources = [
        {
            "LogicalResourceId": "Bucket",
            "ResourceType": "AWS::S3::Bucket",
            "PhysicalResourceId": "bucket",
        }
    ]
    account = Account(
        id="123456789012",
        caller="arn:aws:iam::123456789012:user/me",
        region="us-east-1",
        cloudformation=found,
        s3=stack.s3,
        sleep=lambda seconds: None,
    )
    monkeypatch.setattr(destroy, "account_in", lambda region="": account)
    monkeypatch.setattr("stratos.cli.ending._reruns", lambda stack: [])
    monkeypatch.setattr(destroy, "end_all", lambda stack, use, tell, sleep: found.ended.append(use))
    found.ended = []
    stack.sagemaker.create_model_package_group(ModelPackageGroupName="stratos")
    monkeypatch.delenv("STRATOS_STACK", raising=False)
    return found


def is_there(cloudformation):
    return cloudformation.stacks["Stratos"]["StackStatus"] == "CREATE_COMPLETE"


def test_a_dry_run_says_what_goes_and_what_stays(cloudformation):
    code, text = run("destroy", "--dry-run")
    assert code == 0
    goes, stays = text.split("What stays, until you delete it:")
    assert "its functions, state machine" in goes
    assert "bucket bucket: datasets, models and reports" in stays
    assert is_there(cloudformation)


def test_a_stack_in_use_is_refused_with_what_uses_it(cloudformation, stack, capsys):
    put_run(stack, "r-1", status="running")
    with pytest.raises(StackInUse, match="give --force"):
        run("destroy", "--yes")
    assert is_there(cloudformation)
    assert cloudformation.ended == []
    run("destroy", "--yes", "--force")
    [use] = cloudformation.ended
    assert isinstance(use, StackUse)
    assert [row.run_id for row in use.under_way] == ["r-1"]
    assert not is_there(cloudformation)


def test_the_stacks_name_must_be_typed(cloudformation, monkeypatch):
    monkeypatch.setattr("typer.prompt", lambda text: "yes")
    code, text = run("destroy")
    assert (code, "nothing was deleted" in text) == (1, True)
    assert is_there(cloudformation)
    monkeypatch.setattr("typer.prompt", lambda text: "Stratos")
    assert run("destroy")[0] == 0
    assert not is_there(cloudformation)


def test_data_stays_and_is_named(cloudformation, stack):
    put(stack, "runs/r-1/report.json")
    _, text = run("destroy", "--yes")
    assert "left in the account:\n  bucket bucket:" in text
    assert stack.s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 1


def test_data_goes_if_that_is_said(cloudformation, stack):
    put(stack, "runs/r-1/report.json")
    _, text = run("destroy", "--yes", "--data")
    assert "deleted bucket bucket with all that was in it" in text
    assert stack.s3.list_buckets()["Buckets"] == []


def test_the_roles_of_runs_go_before_the_stack_whose_policies_they_have(cloudformation):
    iam = boto3.client("iam")
    for region, run_id in (("us-east-1", "r-1"), ("eu-west-1", "r-2")):
        path = f"/stratos/{region}/"  # of a home of that name in another region, too
        iam.create_role(RoleName=f"stratos-{run_id}-job", Path=path, AssumeRolePolicyDocument="{}")
    _, text = run("destroy", "--yes")
    assert text.index("deleted role stratos-r-1-job") < text.index("Stratos is deleted")
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["stratos-r-2-job"]


def test_archives_go_with_the_stack_and_secrets_are_named(cloudformation, stack):
    stack.s3.create_bucket(Bucket="stratos-assets-123456789012-us-east-1")
    boto3.client("secretsmanager").create_secret(Name="stratos/teacher", SecretString="s")
    boto3.client("secretsmanager").create_secret(Name="stratosdev/teacher", SecretString="s")
    boto3.client("secretsmanager").create_secret(Name="stratos-webhooks", SecretString="s")
    _, text = run("destroy", "--yes")
    assert "deleted bucket stratos-assets-123456789012-us-east-1" in text
    assert "secret stratos/teacher" in text
    assert "deleted secret stratos-webhooks" in text
    assert "stratosdev" not in text


def test_a_stack_that_was_never_made_whole_is_removed_too(cloudformation):
    cloudformation.stacks["Stratos"]["StackStatus"] = "ROLLBACK_COMPLETE"
    assert run("destroy", "--yes")[0] == 0
    assert cloudformation.ended == []
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"


def test_worker_regions_go_first_with_what_is_in_their_buckets(cloudformation, stack, monkeypatch):
    worker = replace(stack, worker_regions=("eu-west-1",))
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: worker))
    bucket = "stratos-worker-123456789012-eu-west-1"
    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=bucket, Key="copies/a", Body=b"")
    cloudformation.add_stack("stratos-worker", "UPDATE_COMPLETE")
    _, text = run("destroy", "--yes")
    assert "stratos-worker in eu-west-1, with all that is in its bucket" in text
    assert text.index("stratos-worker in eu-west-1 is deleted") < text.index("Stratos is deleted")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_worker_without_its_bucket_is_deleted_too(cloudformation, stack, monkeypatch):
    worker = replace(stack, worker_regions=("eu-west-1",))
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: worker))
    cloudformation.add_stack("stratos-worker", "DELETE_FAILED")
    _, text = run("destroy", "--yes")
    assert "stratos-worker in eu-west-1 is deleted" in text
    assert cloudformation.stacks["stratos-worker"]["StackStatus"] == "DELETE_COMPLETE"


def test_what_a_deleted_stack_left_is_deleted_by_its_name(cloudformation, stack, monkeypatch):
    put(stack, "runs/r-1/report.json")
    boto3.client("secretsmanager").create_secret(Name="stratos-webhooks", SecretString="s")
    stop = pytest.MonkeyPatch()

    def cut_short(*_):
        raise KeyboardInterrupt

    stop.setattr(destroy, "_remove_archives", cut_short)
    code, text = run("destroy", "--yes", "--data")
    stop.undo()
    assert code == 130
    assert "`stratos --stack Stratos destroy --data` goes on with that" in text
    stack.s3.create_bucket(Bucket="stratos-assets-123456789012-us-east-1")
    monkeypatch.setenv("STRATOS_STACK", "Stratos")
    code, text = run("destroy", "--yes", "--data")
    assert code == 0
    assert "deleted bucket stratos-assets-123456789012-us-east-1" in text
    assert "deleted secret stratos-webhooks" in text
    assert text.index("deleted secret") < text.index("deleted bucket bucket with all")
    assert stack.s3.list_buckets()["Buckets"] == []
    code, text = run("destroy", "--yes", "--data")
    assert (code, "bucket was deleted before" in text) == (0, True)


def test_a_deleted_stack_must_be_named(cloudformation, stack, monkeypatch):
    cloudformation.stacks["Stratos"]["StackStatus"] = "DELETE_COMPLETE"

    def find(cls):
        raise StackNotFound("none answers")

    monkeypatch.setattr(Stack, "find", classmethod(find))
    with pytest.raises(StackNotFound, match="stratos --stack Stratos destroy"):
        run("destroy", "--yes", "--data")
    assert len(stack.s3.list_buckets()["Buckets"]) == 1


def test_a_bucket_that_took_the_archives_name_is_left_alone(cloudformation, stack, monkeypatch):
    def refuse(self):
        raise StackFailed("the bucket may not be read")

    monkeypatch.setattr("stratos.deploying.asset_bucket.AssetBucket.exists", refuse)
    code, text = run("destroy", "--yes", "--data")
    assert (code, "left alone: the bucket may not be read" in text) == (0, True)
    assert "deleted bucket bucket with all" in text


def test_what_a_deleted_stack_of_something_else_left_is_not_touched(
    cloudformation, stack, monkeypatch
):
    cloudformation.add_stack("Other", "DELETE_COMPLETE")
    monkeypatch.setenv("STRATOS_STACK", "Other")

    def find(cls):
        raise StackNotFound("none answers")

    monkeypatch.setattr(Stack, "find", classmethod(find))
    with pytest.raises(StackNotFound):
        run("destroy", "--yes", "--data")
    assert len(stack.s3.list_buckets()["Buckets"]) == 1


def test_what_a_worker_that_still_stands_reads_is_left(cloudformation, stack, monkeypatch):
    monkeypatch.setenv("STRATOS_STACK", "Stratos")
    outputs = [{"OutputKey": "WorkerRegions", "OutputValue": "eu-west-1"}]
    cloudformation.stacks["Stratos"] |= {"StackStatus": "DELETE_COMPLETE", "Outputs": outputs}
    cloudformation.add_stack("stratos-worker", "UPDATE_COMPLETE")
    code, text = run("destroy", "--yes")
    assert (code, "stratos-worker in eu-west-1 still stands" in text) == (0, True)
    assert cloudformation.stacks["stratos-worker"]["StackStatus"] == "UPDATE_COMPLETE"
