"""What the roles of a run may do, and who may make them."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from infra.parts.run_roles import ARCHIVES, RunRoles
from stratos.contracts.bucket import (
    CHECKPOINT_PREFIX,
    COPIES_PREFIX,
    RUNS_PREFIX,
    SERVED_PREFIX,
    SPEC_PREFIX,
)
from tests.infra.policies import listed, resolved, statements

_MOST_CHARACTERS = 6144
"""Of a managed policy, without blanks."""
_ANY_TAG = r"\$\{aws:PrincipalTag/Stratos(Run|Spec)\}"


def policies(template: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in template["Resources"].items()
        if name.startswith("RunRoles") and resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


@pytest.fixture(params=["template", "home_of_regions"])
def own(request: pytest.FixtureRequest) -> dict[str, list[dict[str, Any]]]:
    return policies(request.getfixturevalue(request.param))


def test_every_object_of_the_stack_is_reached_by_a_tag_of_the_run(own):
    for statement in (one for found in own.values() for one in found):
        for arn in map(resolved, listed(statement["Resource"])):
            _, _, key = arn.partition("/")
            if any(a.startswith("s3:") and "Object" in a for a in listed(statement["Action"])):
                assert re.search(_ANY_TAG, key) or key in (*ARCHIVES, f"{'?' * 64}.gz")
    assert "runs/${aws:PrincipalTag/StratosRun}/*" in json.dumps(own)


def test_an_archive_of_every_hash_is_read_and_no_checkpoint_or_copy():
    hashes = [f"{n:02x}{'0' * 62}.gz" for n in range(256)]
    assert all(any(fnmatchcase(key, keys) for keys in ARCHIVES) for key in hashes)
    for prefix in (CHECKPOINT_PREFIX, COPIES_PREFIX, RUNS_PREFIX, SPEC_PREFIX, SERVED_PREFIX):
        assert not any(fnmatchcase(f"{prefix}a/b.gz", keys) for keys in ARCHIVES)


def test_a_home_reaches_the_roles_of_its_own_runs_alone(template, worker_template):
    # A home of the same name in another region has its roles in a path of its own.
    for found, home in ((template, "eu-west-1"), (worker_template, "us-east-1")):
        arns = {
            resolved(arn)
            for one in statements(found)
            for arn in listed(one["Resource"])
            if ":role/stratos/" in str(arn)
        }
        assert arns == {f"arn:aws:iam::123456789012:role/stratos/{home}/*"}


def test_nothing_is_deleted_and_nothing_of_the_account_is_listed_whole(own):
    for statement in (one for found in own.values() for one in found):
        assert not any(action.startswith("s3:Delete") for action in listed(statement["Action"]))
        if "s3:ListBucket" in listed(statement["Action"]):
            (bucket,) = map(resolved, listed(statement["Resource"]))
            # That of the CDK holds archives and templates under hashes of them.
            assert "Condition" in statement or "cdk-hnb659fds-assets" in bucket


def test_a_policy_has_room_in_iam(own):
    longest = {"<StorageBucket": "b" * 63, "<StorageKey": "k" * 76}
    for name, found in own.items():
        text = json.dumps(_resolved(found), separators=(",", ":"))
        for start, value in longest.items():
            text = re.sub(f"{start}[^>]*>", value, text)
        assert len(text) + len('{"Version":"2012-10-17","Statement":}') <= _MOST_CHARACTERS, name


def test_a_job_passes_its_own_role_alone_and_to_bedrock(template):
    (passing,) = (
        one
        for found in policies(template).values()
        for one in found
        if "iam:PassRole" in listed(one["Action"])
    )
    own = "stratos/eu-west-1/stratos-${aws:PrincipalTag/StratosRun}-job"
    assert resolved(passing["Resource"]) == f"arn:aws:iam::123456789012:role/{own}"
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}
    }


def test_who_makes_roles_gives_them_these_policies_and_none_of_its_own(template):
    granted = [s for s in statements(template) if "iam:AttachRolePolicy" in listed(s["Action"])]
    (attaching,) = granted
    (named,) = attaching["Condition"]["ArnEquals"].values()
    assert {one["Ref"] for one in named} == policies(template).keys()
    assert resolved(attaching["Resource"]) == "arn:aws:iam::123456789012:role/stratos/eu-west-1/*"
    may = {action for one in statements(template) for action in listed(one["Action"])}
    assert not may & {"iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:UntagRole"}
    (making,) = (s for s in statements(template) if "iam:CreateRole" in listed(s["Action"]))
    assert making["Condition"]["Null"] == {"aws:RequestTag/StratosRun": "false"}


def test_more_regions_than_a_role_has_policies_for_are_refused():
    stack = Stack(App(), "Stratos")
    bucket, key = s3.Bucket(stack, "Bucket"), kms.Key(stack, "Key")
    regions = tuple(f"eu-west-{number}" for number in range(9))
    with pytest.raises(ValueError, match="names 9 regions; a role can have policies for 8"):
        RunRoles(stack, "Roles", bucket=bucket, key=key, archives=bucket, regions=regions)


def _resolved(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() & {"Ref", "Fn::Join", "Fn::GetAtt", "Fn::Sub"}:
        return resolved(value)
    if isinstance(value, dict):
        return {key: _resolved(held) for key, held in value.items()}
    return [_resolved(held) for held in value] if isinstance(value, list) else value
