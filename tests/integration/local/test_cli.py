"""What `stratos local` refuses before it starts anything."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from assembly import add_stack, template, write_assembly
from moto_cloud import running_cloud
from typer.testing import CliRunner

from infra.local import cli
from infra.local.cli import app
from infra.local.cloudformation.deploy import DeployError
from infra.local.cloudformation.stacks import CloudFormation
from infra.local.daemon import CloudStatus, Ended
from infra.local.host.network import RegionNetwork
from infra.local.host.settings import LocalSettings
from stratos.contracts.bucket import SERVERS_KEY
from stratos.errors import StratosError

THERE = "aws://unknown-account/eu-west-1"


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
        given = ["up", "--assembly", str(assembly), "--state-dir", str(cloud.settings.state_dir)]
        asked = CliRunner().invoke(app, given)
        assert asked.exit_code == 0, asked.output
        return [line for line in asked.output.splitlines() if "STRATOS_STACK" in line]

    with running_cloud(tmp_path / "cloud", CloudFormation()) as cloud:
        monkeypatch.setattr(cli, "start", lambda settings: cloud.settings.endpoint_url)
        for stack in ("Stratos", "StratosDev"):
            cloud("s3").create_bucket(Bucket=f"bucket-of-{stack.lower()}")
            cloud("s3").put_object(Bucket=f"bucket-of-{stack.lower()}", Key=SERVERS_KEY)
        assert told("Stratos") == []
        assert told("StratosDev") == ["export STRATOS_STACK=StratosDev"]


def test_regions_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    for given, problem in (
        ("us-east-1,mars-1", "no region 'mars-1'"),
        ("us-east-1,us-east-1", "twice"),
    ):
        state_dir = tmp_path / "cloud"
        asked = CliRunner().invoke(app, ["up", "--state-dir", str(state_dir), "--regions", given])
        assert asked.exit_code == 2
        assert problem in " ".join(asked.output.replace("│", " ").split())
        assert not state_dir.exists()


def test_the_regions_asked_for_are_brought_up_with_their_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = template({"Topic": {"Type": "AWS::SNS::Topic"}}, Bucket="of-home")
    path = write_assembly(tmp_path / "cdk.out", "Stratos", home)
    add_stack(path, "Worker", template({"Topic": {"Type": "AWS::SNS::Topic"}}), environment=THERE)
    regions = ("us-east-1", "eu-west-1")
    with running_cloud(tmp_path / "cloud", CloudFormation(), regions=regions) as cloud:
        monkeypatch.setattr(cli, "start", lambda settings: cloud.settings.endpoint_url)
        cloud("s3").create_bucket(Bucket="of-home")
        cloud("s3").put_object(Bucket="of-home", Key=SERVERS_KEY)
        given = ["up", "--assembly", str(path), "--regions", ",".join(regions)]
        given += ["--state-dir", str(cloud.settings.state_dir)]
        asked = CliRunner().invoke(app, given)
        assert asked.exit_code == 0, asked.output
        for region, stack in zip(regions, ("Stratos", "Worker"), strict=True):
            found = cloud.in_region(region)("cloudformation").describe_stacks()["Stacks"]
            assert [one["StackName"] for one in found] == [stack]


def test_several_regions_are_synthesized_into_the_state_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "there is no such setting\n")

    monkeypatch.setattr(subprocess, "run", run)
    given = ["up", "--state-dir", str(tmp_path), "--regions", "eu-west-1,us-east-1,us-west-2"]
    result = CliRunner().invoke(app, given)
    assert isinstance(result.exception, DeployError)
    assert "there is no such setting" in str(result.exception)
    (command,) = asked
    assert command[1:] == [
        *("-m", "infra.app", "--out", str(tmp_path / "cdk.out")),
        *("-c", "stratos:home_region=eu-west-1"),
        *("-c", "stratos:worker_regions=us-east-1,us-west-2"),
    ]


def test_a_region_is_cut_off_and_mended(tmp_path: Path) -> None:
    settings = LocalSettings(state_dir=tmp_path, regions=("us-east-1", "eu-west-1"))
    settings.regions_file.write_text(json.dumps(settings.regions))

    def told(*arguments: str) -> str:
        asked = CliRunner().invoke(app, [*arguments, "--state-dir", str(tmp_path)])
        return " ".join(asked.output.split())

    network = RegionNetwork(settings)
    assert told("cut", "eu-west-1") == "cut off: eu-west-1"
    assert (network.cut_off(), network.lost_at("eu-west-1")) == (["eu-west-1"], 0.0)
    assert told("mend", "eu-west-1") == "cut off: nothing"
    assert told("cut", "eu-west-1", "--lose-jobs") == "cut off: eu-west-1"
    assert network.lost_at("eu-west-1") > 0.0
    assert "has no region 'eu-north-1'" in told("cut", "eu-north-1")


def test_nothing_is_brought_up_while_a_region_is_cut_off(tmp_path: Path) -> None:
    content = template({"Topic": {"Type": "AWS::SNS::Topic"}})
    path = write_assembly(tmp_path / "cdk.out", "Stratos", content)
    settings = LocalSettings(state_dir=tmp_path / "cloud")
    RegionNetwork(settings).cut("us-east-1")
    options = ["--state-dir", str(settings.state_dir), "--assembly", str(path)]
    asked = CliRunner().invoke(app, ["up", *options])
    assert isinstance(asked.exception, DeployError)
    assert "us-east-1, which is cut off; `stratos local mend us-east-1`" in str(asked.exception)
    assert not settings.lock_file.exists()


def test_status_names_damaged_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"s3://box/k\x1b[2J{number}: the file f is gone" for number in range(2)]
    found = CloudStatus(
        url="http://localhost:1",
        regions=("us-east-1",),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        alive=True,
        num_damaged=7,
        damaged=tuple(words),
    )
    monkeypatch.setattr(cli, "status", lambda settings: found)
    told = CliRunner().invoke(app, ["status", "--state-dir", str(tmp_path)])
    assert told.exit_code == 0
    assert "7 change(s) or object(s) are damaged or missing" in told.output
    assert "s3://box/k\\u001b[2J0: the file f is gone" in told.output
    assert "and 5 more, which server.log names" in told.output


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Ended(), "it was not up\n"),
        (Ended(was_up=True), "stopped; its state is kept\n"),
        (
            Ended(was_up=True, killed_because="it did not answer within 30 s", num_left=2),
            "killed, because it did not answer within 30 s; what it had acknowledged is kept\n"
            "ended 2 process(es) that a killed cloud had left\n",
        ),
    ],
    ids=["down", "up", "hanging"],
)
def test_down_says_what_it_came_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended, told: str
) -> None:
    monkeypatch.setattr(cli, "stop", lambda settings: ended)
    assert CliRunner().invoke(app, ["down", "--state-dir", str(tmp_path)]).output == told
