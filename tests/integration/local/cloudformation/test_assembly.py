"""What is read of an assembly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from assembly import add_stack, template, write_assembly

from infra.local.cloudformation.assembly import DeployError, stacks_of

TOPIC = template({"Topic": {"Type": "AWS::SNS::Topic"}})


def test_a_stack_comes_after_those_that_it_depends_on(tmp_path: Path) -> None:
    write_assembly(tmp_path, "First", TOPIC)
    add_stack(tmp_path, "Second", TOPIC, environment="aws:///eu-west-1")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["artifacts"]["First"]["dependencies"].append("Second")
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    stacks = list(stacks_of(tmp_path))
    assert [stack.name for stack in stacks] == ["Second", "First"]
    assert [file.name for file in stacks[0].asset_files] == ["Second.assets.json"]


def test_a_stack_without_a_region_goes_home(tmp_path: Path) -> None:
    write_assembly(tmp_path, "Anywhere", TOPIC)
    add_stack(tmp_path, "There", TOPIC, environment="aws://unknown-account/eu-west-1")
    stacks = list(stacks_of(tmp_path))
    for stack in stacks:
        stack.settle(["ap-northeast-1", "eu-west-1"])
    assert [stack.region for stack in stacks] == ["ap-northeast-1", "eu-west-1"]
    with pytest.raises(DeployError, match="There is for account unknown-account in eu-west-1"):
        list(stacks_of(tmp_path))[1].settle(["ap-northeast-1"])
