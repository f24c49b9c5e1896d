"""The roles of a run: made before anything runs under them, found again, and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.aws import run_roles
from lambdas.aws.clients import client
from stratos.errors import RunRolesRefused

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def role(account: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = account.client("iam").get_role(RoleName=name)["Role"]
    return found


def attached(account: Any, name: str) -> list[str]:
    listed = account.client("iam").list_attached_role_policies(RoleName=name)
    return [policy["PolicyArn"] for policy in listed["AttachedPolicies"]]


def test_a_role_says_whose_it_is_and_has_the_policies_of_the_template_alone(account):
    run = account.run(account.drop())
    run_roles.make(run)
    for kind in ("job", "model"):
        name = f"stratos-{run.run_id}-{kind}"
        found = role(account, name)
        assert found["Arn"] == f"arn:aws:iam::123456789012:role/stratos/us-east-1/{name}"
        assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {
            "stratos:stack": "Stratos",
            "StratosRun": run.run_id,
            "StratosSpec": "tiles",
        }
        assert attached(account, name) == [f"arn:aws:iam::123456789012:policy/{kind}s"]
        assert account.client("iam").list_role_policies(RoleName=name)["PolicyNames"] == []


def test_services_of_aws_assume_it_for_what_is_of_this_account_in_any_region(account):
    run = account.run(account.drop())
    run_roles.make(run)
    trust = role(account, f"stratos-{run.run_id}-job")["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"]["Service"] for one in trust] == [
        "sagemaker.amazonaws.com",
        "bedrock.amazonaws.com",
    ]
    for statement in trust:
        condition = statement["Condition"]
        assert condition["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        _, _, service, region, of = condition["ArnLike"]["aws:SourceArn"].split(":")[:5]
        assert (f"{service}.amazonaws.com", region, of) == (
            statement["Principal"]["Service"],
            "*",
            "123456789012",
        )
    (of_models,) = role(account, f"stratos-{run.run_id}-model")["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert of_models["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_roles_are_made_once_and_completed_by_a_second_call(account):
    run = account.run(account.drop())
    run_roles.make(run)
    name = f"stratos-{run.run_id}-job"
    (policy,) = attached(account, name)
    account.client("iam").detach_role_policy(RoleName=name, PolicyArn=policy)
    run_roles.make(run)
    assert attached(account, name) == [policy]


@pytest.mark.parametrize(("unknown", "is_made"), [(2, True), (9, False)])
def test_a_role_that_iam_has_yet_to_hear_of_gets_its_policies_a_little_later(
    account, monkeypatch, unknown, is_made
):
    run, attach = account.run(account.drop()), client("iam").attach_role_policy
    tries, slept = [], []

    def late(**request: Any) -> None:
        tries.append(request["PolicyArn"])
        if len(tries) <= unknown:
            told = {"Error": {"Code": "NoSuchEntity", "Message": "The role cannot be found"}}
            raise ClientError(told, "AttachRolePolicy")
        attach(**request)

    monkeypatch.setattr(client("iam"), "attach_role_policy", late)
    monkeypatch.setattr(run_roles, "sleep", slept.append)
    if not is_made:
        with pytest.raises(ClientError, match="cannot be found"):
            run_roles.make(run)
        assert slept == [1, 2, 4, 8]
        return
    run_roles.make(run)
    assert slept == [1, 2]
    assert len(attached(account, f"stratos-{run.run_id}-job")) == 1


def test_an_account_without_room_for_roles_is_told_what_to_do(account, monkeypatch):
    run = account.run(account.drop())

    def refuse(**_: Any) -> None:
        told = {"Error": {"Code": "LimitExceeded", "Message": "Cannot exceed quota: 1000"}}
        raise ClientError(told, "CreateRole")

    monkeypatch.setattr(client("iam"), "create_role", refuse)
    with pytest.raises(RunRolesRefused, match=r"Cannot exceed quota: 1000.*raise IAM's quota"):
        run_roles.make(run)


def test_roles_of_runs_are_found_by_their_path_and_deleted_with_their_policies(account):
    run = account.run(account.drop())
    run_roles.make(run)
    account.client("iam").create_role(RoleName="stratos-other-job", AssumeRolePolicyDocument=TRUST)
    found = sorted(run_roles.listed())
    assert found == [
        (f"stratos-{run.run_id}-job", run.run_id, "job"),
        (f"stratos-{run.run_id}-model", run.run_id, "model"),
    ]
    assert [run_roles.delete(name) for name, _, _ in found] == [True, True]
    assert list(run_roles.listed()) == []
    assert not run_roles.delete(found[0][0])
