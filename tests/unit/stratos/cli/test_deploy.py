import boto3
import pytest
import typer
from botocore.exceptions import ClientError

from stratos.errors import StackFailed
from tests.deployable import REGION, account_in_moto, write_folder
from tests.fake_cloudformation import FakeCloudFormation
from tests.unit.stratos.cli.stack_contents import run

ADDED = {
    "Type": "Resource",
    "ResourceChange": {
        "Action": "Add",
        "LogicalResourceId": "Bucket",
        "ResourceType": "AWS::S3::Bucket",
    },
}


@pytest.fixture
def cloudformation(monkeypatch):
    """What the command line deploys into."""
    found = FakeCloudFormation(told=[("Bucket", "AWS::S3::Bucket", "CREATE_COMPLETE", "")])
    found.changes = [ADDED]
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("STRATOS_STACK", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with account_in_moto(found) as account:
        monkeypatch.setattr("stratos.cli.deploy.account_in", lambda region="": account)
        yield found


@pytest.fixture
def deploy(tmp_path):
    folder = write_folder(tmp_path)
    return lambda *words: run("deploy", "--assembly", str(folder), *words)


def test_it_says_where_it_goes_then_what_changes_then_each_resource(cloudformation, deploy):
    code, text = deploy("--yes")
    assert code == 0
    assert text.startswith(f"account 123456789012, region {REGION}, as arn:aws:iam::")
    assert text.index("Stratos, stratos-worker, from") < text.index("Stratos in eu-west-1 is new")
    assert "1/1   made Bucket (AWS::S3::Bucket)" in text
    assert {name: one["StackStatus"] for name, one in cloudformation.stacks.items()} == {
        "Stratos": "CREATE_COMPLETE",
        "stratos-worker": "CREATE_COMPLETE",
    }


def test_a_new_stack_is_protected_unless_that_is_unwanted(cloudformation, deploy):
    deploy("--yes")
    assert cloudformation.protected == [True, True]
    deploy("--yes")
    assert cloudformation.protected == [True, True]
    deploy("--yes", "--no-protect")
    assert cloudformation.protected == [True, True, False, False]


@pytest.mark.parametrize(("words", "code"), [(["--dry-run"], 0), ([], 1)])
def test_without_a_yes_nothing_is_changed(cloudformation, deploy, monkeypatch, words, code):
    monkeypatch.setattr(typer, "confirm", lambda text: False)
    ended, text = deploy(*words)
    assert (ended, "nothing was changed" in text) == (code, True)
    statuses = {stack["StackStatus"] for stack in cloudformation.stacks.values()}
    assert statuses == {"DELETE_COMPLETE"}


def test_a_failure_in_the_second_stack_withdraws_the_first(cloudformation, deploy):
    cloudformation.add_stack("stratos-worker", "UPDATE_IN_PROGRESS")
    with pytest.raises(StackFailed, match="somebody else changes it"):
        deploy("--yes")
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"
    assert cloudformation.change_sets == {}


def test_a_setting_is_homes_or_that_of_the_region_named(cloudformation, deploy, monkeypatch):
    seen = {}
    create = cloudformation.create_change_set

    def note(**asked):
        seen[asked["StackName"]] = asked["Parameters"]
        return create(**asked)

    monkeypatch.setattr(cloudformation, "create_change_set", note)
    deploy("--dry-run", "--set", "SubnetIds=a,b", "--set", "eu-west-1:SubnetIds=c")
    values = {name: given[0]["ParameterValue"] for name, given in seen.items()}
    assert values == {"Stratos": "a,b", "stratos-worker": "c"}


@pytest.mark.parametrize(
    "given", ["SubnetIds", "=x", "us-east-2:SubnetIds=x"], ids=["no value", "no key", "no region"]
)
def test_a_setting_that_means_nothing_is_wrong_usage(cloudformation, deploy, given):
    assert deploy("--dry-run", "--set", given)[0] == 2
    assert cloudformation.change_sets == {}


def test_if_home_fails_the_other_stacks_are_withdrawn(cloudformation, deploy):
    cloudformation.ends_as = "ROLLBACK_COMPLETE"
    with pytest.raises(StackFailed, match="ended as ROLLBACK_COMPLETE"):
        deploy("--yes")
    assert cloudformation.change_sets == {}
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "ROLLBACK_COMPLETE"


def test_one_who_stops_before_anything_is_changed_leaves_nothing(
    cloudformation, deploy, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("stratos.deploying.asset_bucket.AssetBucket.upload", stop)
    code, text = deploy("--yes")
    assert code == 130
    assert "goes on" not in text
    assert cloudformation.change_sets == {}
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"


def test_one_who_stops_watching_is_told_later_that_the_stack_is_not_protected(
    cloudformation, deploy, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("stratos.deploying.following.Watch.follow", stop)
        with pytest.raises(StackFailed, match="CloudFormation goes on with Stratos"):
            deploy("--yes")
    assert cloudformation.change_sets == {}
    cloudformation.stacks["Stratos"]["EnableTerminationProtection"] = False
    text = deploy("--yes")[1]
    assert "Stratos is not protected from deletion" in text
    deploy("--yes", "--protect")
    assert "is not protected" not in deploy("--yes")[1]


def test_archives_that_somebody_deleted_are_uploaded_where_nothing_changes(cloudformation, deploy):
    deploy("--yes")
    s3, named = boto3.client("s3"), f"stratos-assets-123456789012-{REGION}"
    s3.delete_object(Bucket=named, Key="abc.zip")
    cloudformation.refusal = "No updates are to be performed."
    text = deploy("--yes")[1]
    assert "uploading code.zip" in text
    assert s3.get_object(Bucket=named, Key="abc.zip")["Body"].read() == b"code"


def test_one_that_cannot_be_withdrawn_keeps_none_of_the_others(cloudformation, deploy, monkeypatch):
    delete = cloudformation.delete_change_set

    def refuse_home(*, ChangeSetName):  # noqa: N803  as boto3 has it
        if ChangeSetName == "arn:set/Stratos":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteChangeSet")
        delete(ChangeSetName=ChangeSetName)

    monkeypatch.setattr(cloudformation, "delete_change_set", refuse_home)
    with pytest.raises(StackFailed, match="not all of the proposal is withdrawn"):
        deploy("--dry-run")
    assert cloudformation.change_sets.keys() == {"arn:set/Stratos"}


def test_a_worker_region_that_is_left_out_is_looked_into_first(cloudformation, deploy, monkeypatch):
    stack = cloudformation.add_stack("Stratos", "UPDATE_COMPLETE")
    asked = []
    monkeypatch.setattr("stratos.cli.deploy.Stack.find", lambda *named: named)
    monkeypatch.setattr(
        "stratos.cli.deploy.refuse_left_behind", lambda *given: asked.append(given[:2])
    )

    def names(*regions):
        output = {"OutputKey": "WorkerRegions", "OutputValue": ",".join(regions)}
        stack["Outputs"] = [output]

    names(REGION)
    deploy("--dry-run")
    assert asked == []
    names(REGION, "ap-northeast-1")
    deploy("--dry-run")
    assert asked == [(("Stratos", REGION), ["ap-northeast-1"])]
