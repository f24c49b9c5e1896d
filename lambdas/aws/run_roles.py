"""The roles of a run: one for its training jobs, one for its models.

What they may do stands in the template (`infra/parts/run_roles.py`), in policies that reach what
the roles' tags say. IAM is the account's, so that they count in every region.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from time import sleep
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from stratos.contracts.run import RunRef
from stratos.errors import RunRolesRefused
from stratos.hosting.names import JOB_ROLE, MODEL_ROLE
from stratos.hosting.ownership import ROLE_RUN_TAG, ROLE_SPEC_TAG, STACK_TAG
from stratos.waiting import wait_until

_GONE = "NoSuchEntity"
_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries to give a policy to a role that was just made."""


def make(run: RunRef) -> None:
    """Make the roles of a run; those that are there are completed.

    Raises:
        RunRolesRefused: IAM has no room for more.
    """
    names = settings().names
    try:
        _make(run, names.job_role(run.run_id), ("sagemaker", "bedrock"), settings().job_policies)
        _make(run, names.model_role(run.run_id), ("sagemaker",), settings().model_policies)
    except ClientError as error:
        if error_code(error) != "LimitExceeded":
            raise
        raise RunRolesRefused(
            f"run {run.run_id} gets no roles of its own: {error}. An account has room for 1,000 "
            "roles by default, and each run needs two, one of them while its model is in service. "
            "Delete roles that nobody uses, or ask AWS to raise IAM's quota of roles; then submit "
            "the spec again"
        ) from error


def delete(name: str) -> bool:
    """Delete a run's role. Returns whether it existed."""
    iam = client("iam")
    try:
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        for policy in attached:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)
    except ClientError as error:
        if error_code(error) != _GONE:
            raise
        return False
    return True


def listed() -> Iterator[tuple[str, str, str]]:
    """Name, run and kind of each role of a run of this stack."""
    names = settings().names
    pages = client("iam").get_paginator("list_roles").paginate(PathPrefix=settings().role_path)
    for page in pages:
        for role in page["Roles"]:
            name = str(role["RoleName"])
            run_id, _, kind = name.removeprefix(names.start).rpartition("-")
            if name.startswith(names.start) and kind in (JOB_ROLE, MODEL_ROLE):
                yield name, run_id, kind


def _make(run: RunRef, name: str, services: tuple[str, ...], policies: str) -> None:
    iam = client("iam")
    tags = {
        STACK_TAG: settings().stack_name,
        ROLE_RUN_TAG: run.run_id,
        ROLE_SPEC_TAG: SpecFolder(run).name,
    }
    try:
        iam.create_role(
            RoleName=name,
            Path=settings().role_path,
            AssumeRolePolicyDocument=json.dumps(_trust(services)),
            Description=f"Of run {run.run_id} of Stratos, and deleted with what it is for",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    except ClientError as error:
        if error_code(error) != "EntityAlreadyExists":
            raise
    for policy in policies.split(","):
        attached = wait_until(partial(_attached, name, policy), pauses=_PAUSES, sleep=sleep)
        if not attached:  # what is missing is the policy, not the role that was just made
            iam.attach_role_policy(RoleName=name, PolicyArn=policy)


def _attached(name: str, policy: str) -> bool:
    """Attach a policy. Returns whether IAM knows the role, of which it may yet have to hear."""
    try:
        client("iam").attach_role_policy(RoleName=name, PolicyArn=policy)
    except ClientError as error:
        if error_code(error) != _GONE:
            raise
        return False
    return True


def _trust(services: tuple[str, ...]) -> dict[str, Any]:
    """Who may assume a role: services of AWS, for what is of this account.

    Each names account and source, as `infra.permissions.trusted` says. A source may be in any
    region: which of them work for the stack may change while a role is there.
    """
    account, partition = settings().account_id, settings().state_machine_arn.split(":")[1]
    of_service = {"sagemaker": "*", "bedrock": "model-invocation-job/*"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {
                        "aws:SourceArn": (
                            f"arn:{partition}:{service}:*:{account}:{of_service[service]}"
                        )
                    },
                },
            }
            for service in services
        ],
    }
