"""A cloud that judges its callers, and roles to call it as."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto_cloud import Cloud, served

from infra.local.host.cloud_key import Credentials
from infra.local.host.seam import Seam
from infra.local.iam.enforcement import AccessControl
from infra.local.iam.sessions import Session

ACCOUNT = "123456789012"
OWNER = f"arn:aws:iam::{ACCOUNT}:root"


@contextmanager
def judged_cloud(state_dir: Path, *seams: Seam, **settings: Any) -> Iterator[Cloud]:
    """Serve these seams to callers who are judged."""
    with served((AccessControl(), *seams), state_dir, **settings) as local:
        yield Cloud(local)


def allow(
    actions: str | Sequence[str], resources: str | Sequence[str] = "*", **condition: Any
) -> dict[str, Any]:
    """A statement that allows; a condition is given by its operator."""
    found = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return found | ({"Condition": condition} if condition else {})


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_role(
    cloud: Cloud, name: str, service: str, *statements: Mapping[str, Any], **condition: Any
) -> str:
    """A role that trusts a service, with one policy; its ARN."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    } | ({"Condition": condition} if condition else {})
    made = cloud("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    if statements:
        grant(cloud, name, *statements)
    arn: str = made["Role"]["Arn"]
    return arn


def grant(cloud: Cloud, role: str, *statements: Mapping[str, Any]) -> None:
    """Replace the policy of a role."""
    cloud("iam").put_role_policy(
        RoleName=role, PolicyName=f"{role}Policy", PolicyDocument=document(*statements)
    )


def client_as(cloud: Cloud, role_arn: str, service: str, calls_from: str = "") -> Any:
    """A client of the cloud's region, with the credentials of a role.

    Args:
        calls_from: The region in which whoever has the role is; none where it is outside of all.
    """
    return client_with(cloud, Session.of_role(role_arn, "test", calls_from).credentials(), service)


def client_with(cloud: Cloud, credentials: Credentials, service: str) -> Any:
    """A client of the cloud's region that signs with these."""
    return boto3.Session().client(
        service,
        endpoint_url=cloud.settings.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def make_key(cloud: Cloud) -> str:
    """A key whose use the account leaves to its policies; its ARN."""
    owner = {"Effect": "Allow", "Principal": {"AWS": OWNER}, "Action": "kms:*", "Resource": "*"}
    made = cloud("kms").create_key(Policy=document(owner))
    arn: str = made["KeyMetadata"]["Arn"]
    return arn
