"""Deploying assemblies into a cloud with every seam."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assembly import ROLE, function, template, write_assembly
from botocore.exceptions import ClientError
from moto_cloud import Cloud, running_cloud

from infra.local.cloudformation import deploy as deployment
from infra.local.cloudformation.deploy import DeployError
from infra.local.cloudformation.stacks import CloudFormation
from infra.local.cloudformation.template_check import UnsupportedTemplateError
from infra.local.host.cloud_key import CloudKey
from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.lambda_.function_processes import FunctionProcesses

OWNER = CloudKey.random().owner
BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{REGION}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (CloudFormation(), FunctionProcesses())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


def deploy(assembly: Path, url: str, parameters: dict[str, str] | None = None) -> dict[str, str]:
    """As its owner, of whom this cloud asks no key."""
    return deployment.deploy(assembly, url, OWNER, parameters)


def work(version: str) -> dict[str, Any]:
    resources = {"Role": ROLE, "Work": function(version, Timeout=20)}
    return template(resources, Name={"Ref": "Work"})


def sources(version: str) -> dict[str, str]:
    return {
        "app.py": f"from lib.word import WORD\ndef handler(event, context):\n"
        f"    return ['{version}', WORD]\n",
        "lib/word.py": "WORD = 'w'\n",
    }


def test_a_functions_code_is_published_run_and_updated(cloud: Cloud, tmp_path: Path) -> None:
    url = cloud.settings.endpoint_url
    first = write_assembly(tmp_path / "1", "Work", work("v1"), {"v1": sources("one")})
    name = deploy(first, url)["Name"]
    assert cloud.invoke(name)["Payload"] == ["one", "w"]
    parameter = cloud("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    assert parameter["Parameter"]["Value"] == "6"

    second = write_assembly(tmp_path / "2", "Work", work("v2"), {"v2": sources("two")})
    assert deploy(second, url) == {"Name": name}
    assert cloud.invoke(name)["Payload"] == ["two", "w"]


def test_deploying_the_same_again_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    url = cloud.settings.endpoint_url
    assembly = write_assembly(tmp_path, "Same", work("same"), {"same": sources("s")})
    outputs = deploy(assembly, url)

    def facts() -> Any:
        stack = cloud("cloudformation").describe_stacks(StackName="Same")["Stacks"][0]
        stored = cloud("s3").head_object(Bucket=BUCKET, Key="same.zip")
        configuration = cloud("lambda").get_function(FunctionName=outputs["Name"])
        return (
            stack["StackStatus"],
            stored["LastModified"],
            configuration["Configuration"]["LastModified"],
        )

    before = facts()
    assert deploy(assembly, url) == outputs
    assert facts() == before


def test_equal_directories_make_equal_archives(cloud: Cloud, tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = write_assembly(
            tmp_path / name, f"Zip-{name}", work(f"zip-{name}"), {f"zip-{name}": sources("z")}
        )
        deploy(path, cloud.settings.endpoint_url)
    archives = [
        cloud("s3").get_object(Bucket=BUCKET, Key=f"zip-{name}.zip")["Body"].read()
        for name in ("one", "two")
    ]
    assert archives[0] == archives[1]
    with zipfile.ZipFile(io.BytesIO(archives[0])) as archive:
        assert archive.namelist() == ["app.py", "lib/word.py"]


def test_a_stack_that_failed_to_be_made_is_made_anew(cloud: Cloud, tmp_path: Path) -> None:
    url = cloud.settings.endpoint_url
    broken = {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": "nowhere", "PolicyDocument": {}},
        },
    }
    with pytest.raises(DeployError, match=r"stack Retry: Policy .*NoSuchBucket"):
        deploy(write_assembly(tmp_path / "1", "Retry", template(broken)), url)
    del broken["Policy"]
    mended = template(broken, Topic={"Ref": "Topic"})
    topic = deploy(write_assembly(tmp_path / "2", "Retry", mended), url)["Topic"]
    assert [item["TopicArn"] for item in cloud("sns").list_topics()["Topics"]] == [topic]


def test_a_template_that_cannot_run_is_refused_before_anything_is_made(
    cloud: Cloud, tmp_path: Path
) -> None:
    content = template({"Topic": {"Type": "AWS::SNS::Topic"}, "P": {"Type": "AWS::Pipes::Pipe"}})
    with pytest.raises(UnsupportedTemplateError, match="AWS::Pipes::Pipe"):
        deploy(write_assembly(tmp_path, "Refused", content), cloud.settings.endpoint_url)
    with pytest.raises(ClientError, match="does not exist"):
        cloud("cloudformation").describe_stacks(StackName="Refused")


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ("aws://111111111111/us-east-1", "111111111111"),
        (f"aws://{ACCOUNT_ID}/eu-west-1", "eu-west"),
    ],
)
def test_an_assembly_for_another_environment_is_refused(
    cloud: Cloud, tmp_path: Path, environment: str, problem: str
) -> None:
    content = template({"Topic": {"Type": "AWS::SNS::Topic"}})
    assembly = write_assembly(tmp_path, "Elsewhere", content, environment=environment)
    with pytest.raises(DeployError, match=problem):
        deploy(assembly, cloud.settings.endpoint_url)


def test_a_directory_without_an_assembly_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"no manifest\.json; synthesize first"):
        deploy(tmp_path, cloud.settings.endpoint_url)


def test_image_assets_are_refused(cloud: Cloud, tmp_path: Path) -> None:
    content = template({"Topic": {"Type": "AWS::SNS::Topic"}})
    assembly = write_assembly(tmp_path, "Images", content)
    manifest = {"files": {}, "dockerImages": {"x": {}}}
    (assembly / "Images.assets.json").write_text(json.dumps(manifest))
    with pytest.raises(DeployError, match="image assets, which need Docker"):
        deploy(assembly, cloud.settings.endpoint_url)


def test_a_deployed_template_may_be_large(cloud: Cloud, tmp_path: Path) -> None:
    resources = {
        f"Parameter{n}": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": f"/p/{n}", "Type": "String", "Value": "v" * 2000},
        }
        for n in range(60)
    }
    deploy(write_assembly(tmp_path, "Large", template(resources)), cloud.settings.endpoint_url)
    assert cloud("ssm").get_parameter(Name="/p/59")["Parameter"]["Value"] == "v" * 2000


def test_a_parameter_that_is_given_decides_and_a_changed_one_updates(
    cloud: Cloud, tmp_path: Path
) -> None:
    url = cloud.settings.endpoint_url
    switched = template({}, Where={"Fn::If": ["Inside", {"Ref": "Subnets"}, "outside"]})
    switched["Parameters"]["Subnets"] = {"Type": "String", "Default": ""}
    switched["Conditions"] = {"Inside": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Subnets"}, ""]}]}}
    assembly = write_assembly(tmp_path, "Switched", switched, {})
    assert deploy(assembly, url) == {"Where": "outside"}
    assert deploy(assembly, url, {"Subnets": "subnet-1"}) == {"Where": "subnet-1"}


def test_a_parameter_that_no_template_has_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, "Unknown", template({}), {})
    with pytest.raises(DeployError, match="no template has a parameter Subnet; there are Boot"):
        deploy(assembly, cloud.settings.endpoint_url, {"Subnet": "subnet-1"})


VPC_RULE = {
    "Assertions": [
        {
            "Assert": {"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": "Subnets"}, ""]}]},
            "AssertDescription": "give Subnets with Encrypt",
        }
    ],
    "RuleCondition": {"Fn::Equals": [{"Ref": "Encrypt"}, "true"]},
}


def with_vpc() -> dict[str, Any]:
    """A template with two parameters, and a rule for both."""
    subnets = {"Fn::Join": ["|", {"Ref": "Subnets"}]}
    content = template(
        {"Topic": {"Type": "AWS::SNS::Topic"}}, Subnets=subnets, Encrypt={"Ref": "Encrypt"}
    )
    content["Parameters"] |= {
        "Subnets": {"Type": "CommaDelimitedList", "Default": ""},
        "Encrypt": {"Type": "String", "Default": "false", "AllowedValues": ["true", "false"]},
    }
    content["Rules"] = {"Vpc": VPC_RULE}
    return content


def test_refused_parameters_change_nothing_and_former_ones_stay(
    cloud: Cloud, tmp_path: Path
) -> None:
    url = cloud.settings.endpoint_url
    assembly = write_assembly(tmp_path / "1", "Vpc", with_vpc())
    with pytest.raises(DeployError, match="stack Vpc: give Subnets with Encrypt"):
        deploy(assembly, url, {"Encrypt": "true"})
    with pytest.raises(ClientError, match="does not exist"):
        cloud("cloudformation").describe_stacks(StackName="Vpc")
    deploy(assembly, url, {"Subnets": "a,b"})
    with pytest.raises(DeployError, match="'maybe': it must be one of true, false"):
        deploy(assembly, url, {"Encrypt": "maybe"})
    assert deploy(assembly, url) == {"Subnets": "a|b", "Encrypt": "false"}
    assert deploy(assembly, url, {"Encrypt": "true"}) == {"Subnets": "a|b", "Encrypt": "true"}


def test_an_update_that_fails_keeps_the_former_parameters(cloud: Cloud, tmp_path: Path) -> None:
    url = cloud.settings.endpoint_url
    assembly = write_assembly(tmp_path / "1", "Fails", with_vpc())
    deploy(assembly, url, {"Subnets": "a,b"})
    content = with_vpc()
    content["Resources"]["Policy"] = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": {}},
    }
    broken = write_assembly(tmp_path / "2", "Fails", content)
    with pytest.raises(DeployError, match="NoSuchBucket"):
        deploy(broken, url, {"Subnets": "c", "Encrypt": "true"})
    assert deploy(assembly, url) == {"Subnets": "a|b", "Encrypt": "false"}
