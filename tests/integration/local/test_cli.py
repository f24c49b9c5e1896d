"""What `stratos local` refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from assembly import template, write_assembly
from moto_cloud import running_cloud
from typer.testing import CliRunner

from infra.local import cli
from infra.local.cli import app
from infra.local.cloudformation.deploy import DeployError
from infra.local.cloudformation.stacks import CloudFormation
from stratos.contracts.bucket import SERVERS_KEY
from stratos.errors import StratosError


@pytest.mark.parametrize("given", ["SubnetIds", "=subnet-1"])
def test_a_parameter_without_name_or_value_is_refused(tmp_path: Path, given: str) -> None:
    state_dir = tmp_path / "cloud"
    asked = CliRunner().invoke(app, ["up", "--state-dir", str(state_dir), "--parameter", given])
    assert asked.exit_code == 2
    assert "is not KEY=VALUE" in asked.output
    assert not state_dir.exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("Encrypt=maybe", "parameter Encrypt is 'maybe': it must be one of true, false"),
        ("Subnets=subnet-1", "no template has a parameter Subnets"),
    ],
)
def test_a_parameter_is_refused_before_the_cloud_is_started(
    tmp_path: Path, given: str, problem: str
) -> None:
    content = template({"Topic": {"Type": "AWS::SNS::Topic"}})
    content["Parameters"]["Encrypt"] = {
        "Type": "String",
        "Default": "false",
        "AllowedValues": ["true", "false"],
    }
    assembly = write_assembly(tmp_path / "cdk.out", "Asked", content)
    state_dir = tmp_path / "cloud"
    options = ["--assembly", str(assembly), "--parameter", given]
    asked = CliRunner().invoke(app, ["up", "--state-dir", str(state_dir), *options])
    assert isinstance(asked.exception, StratosError)
    assert problem in str(asked.exception)
    assert not state_dir.exists()


def test_a_folder_without_a_template_is_refused_before_the_cloud_is_started(tmp_path: Path) -> None:
    state_dir = tmp_path / "cloud"
    options = ["--assembly", str(tmp_path / "nothing")]
    asked = CliRunner().invoke(app, ["up", "--state-dir", str(state_dir), *options])
    assert isinstance(asked.exception, DeployError)
    assert "no manifest.json; synthesize first" in str(asked.exception)
    assert not state_dir.exists()


def test_up_says_which_stack_it_deployed_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(stack: str) -> list[str]:
        content = template(
            {"Topic": {"Type": "AWS::SNS::Topic"}}, Bucket=f"bucket-of-{stack.lower()}"
        )
        assembly = write_assembly(tmp_path / stack, stack, content)
        asked = CliRunner().invoke(app, ["up", "--assembly", str(assembly)])
        assert asked.exit_code == 0, asked.output
        return [line for line in asked.output.splitlines() if "STRATOS_STACK" in line]

    with running_cloud(tmp_path / "cloud", CloudFormation()) as cloud:
        monkeypatch.setattr(cli, "start", lambda settings: cloud.settings.endpoint_url)
        for stack in ("Stratos", "StratosDev"):
            cloud("s3").create_bucket(Bucket=f"bucket-of-{stack.lower()}")
            cloud("s3").put_object(Bucket=f"bucket-of-{stack.lower()}", Key=SERVERS_KEY)
        assert told("Stratos") == []
        assert told("StratosDev") == ["export STRATOS_STACK=StratosDev"]
