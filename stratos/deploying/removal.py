"""A stack on its way out: what stays of it, its deletion, and the end of what stayed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stratos.deploying.deployment import Account
from stratos.deploying.following import ResourceEvent, Watch, look_up, resources_of
from stratos.errors import StackFailed

KEY_DAYS = 30
"""How long KMS waits before it deletes a key; until then that can be called off."""
_BUCKET, _TABLE, _KEY = "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"
_ORDER = (_BUCKET, _TABLE, _KEY)
"""The key last: without it nothing that is left could be read."""
_WORDS = {
    _BUCKET: "bucket {}: datasets, models and reports, billed by size",
    _TABLE: "table {}: the rows of runs, billed by size",
    _KEY: "key {}: decrypts both, a dollar a month and more",
}


_GONE = (
    *("NoSuchBucket", "ResourceNotFoundException", "NotFoundException"),
    "KMSInvalidStateException",  # it waits for its deletion
)


@dataclass(frozen=True)
class StayingResource:
    """A resource that outlives its stack, because it holds what nothing else does."""

    type: str
    id: str

    @property
    def told(self) -> str:
        return _WORDS.get(self.type, self.type + " {}").format(self.id)


def what_stays(cloudformation: Any, stack_name: str) -> list[StayingResource]:
    """What CloudFormation keeps when it deletes a stack, in the order in which it may go.

    Args:
        stack_name: Or its ARN, of one that is deleted already.
    """
    found = cloudformation.get_template(StackName=stack_name)["TemplateBody"]
    template: Mapping[str, Any] = json.loads(found) if isinstance(found, str) else found
    kept = {
        logical_id
        for logical_id, resource in template.get("Resources", {}).items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    staying = [
        StayingResource(resource["ResourceType"], resource["PhysicalResourceId"])
        for resource in resources_of(cloudformation, stack_name)
        if resource["LogicalResourceId"] in kept and resource.get("PhysicalResourceId")
    ]
    return sorted(staying, key=lambda one: (_rank(one.type), one.id))


def last_deleted(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """The latest stack of a name that is deleted, which CloudFormation remembers for 90 days."""
    pages = cloudformation.get_paginator("list_stacks")
    found = [
        one
        for page in pages.paginate(StackStatusFilter=["DELETE_COMPLETE"])
        for one in page["StackSummaries"]
        if one["StackName"] == name
    ]
    if not found:
        return None
    latest = max(found, key=lambda one: one.get("DeletionTime") or one["CreationTime"])
    return look_up(cloudformation, latest["StackId"])


def delete_stack(account: Account, stack_id: str, tell: Callable[[ResourceEvent], None]) -> None:
    """Let CloudFormation delete a stack, protected or not, and wait until it has.

    Raises:
        StackFailed: Something of it is left, with the reason.
    """
    cloudformation = account.cloudformation
    watch = Watch.begin(cloudformation, stack_id)
    cloudformation.update_termination_protection(
        StackName=stack_id, EnableTerminationProtection=False
    )
    cloudformation.delete_stack(StackName=stack_id)
    watch.follow(tell, account.sleep, wanted="DELETE_COMPLETE")


def delete_run_roles(iam: Any, path: str) -> list[str]:
    """Delete the roles of runs, which functions made: no stack goes whose policies they hold.

    Args:
        path: Of such roles.
    """
    pages = iam.get_paginator("list_roles").paginate(PathPrefix=path)
    names = [str(role["RoleName"]) for page in pages for role in page["Roles"]]
    for name in names:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):  # the sweeper was first
            for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
            iam.delete_role(RoleName=name)
    return names


def delete_staying(
    staying: list[StayingResource],
    *,
    empty_bucket: Callable[[str], None],
    dynamodb: Any,
    kms: Any,
    s3: Any,
) -> Iterator[str]:
    """Delete what outlived its stack, and say of each what became of it.

    Args:
        empty_bucket: Deletes every version of every object in a bucket.

    Raises:
        StackFailed: There is no way to delete one of them.
    """
    for one in staying:
        try:
            if one.type == _BUCKET:
                empty_bucket(one.id)
                s3.delete_bucket(Bucket=one.id)
                yield f"deleted bucket {one.id} with all that was in it"
            elif one.type == _TABLE:
                dynamodb.delete_table(TableName=one.id)
                yield f"deleted table {one.id}"
            elif one.type == _KEY:
                kms.schedule_key_deletion(KeyId=one.id, PendingWindowInDays=KEY_DAYS)
                yield (
                    f"key {one.id} is deleted in {KEY_DAYS} days; until then `aws kms "
                    f"cancel-key-deletion --key-id {one.id}` calls that off"
                )
            else:
                raise StackFailed(f"{one.told} stays: delete it in the console")
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            yield f"{one.id} was deleted before, or is to be"


def _rank(type_: str) -> int:
    return _ORDER.index(type_) if type_ in _ORDER else -1
