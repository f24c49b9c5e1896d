"""What a deployment would change, as CloudFormation finds it before anything is touched."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from stratos.deploying.assembly import BuiltStack
from stratos.deploying.following import look_up
from stratos.errors import StackFailed
from stratos.waiting import growing, wait_until

Action = Literal["add", "change", "replace", "may replace", "delete", "leave behind"]

_POLL_SECONDS, _POLLS = 2.0, 60
"""While CloudFormation computes a change set, which it does not delete until it has."""
_OVER = ("EXECUTE_COMPLETE", "EXECUTE_FAILED", "OBSOLETE")
"""Of change sets that CloudFormation still lists, and nobody waits for."""
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_RIGHTS = (
    *("AWS::IAM::", "AWS::KMS::Key", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"),
    *("AWS::SQS::QueuePolicy", "AWS::Lambda::Permission", "AWS::Lambda::LayerVersionPermission"),
    *("AWS::SecretsManager::ResourcePolicy", "AWS::Logs::ResourcePolicy"),
    *("AWS::Events::EventBusPolicy", "AWS::SNS::TopicInlinePolicy", "AWS::SQS::QueueInlinePolicy"),
)
"""Types that say who may do what."""
_ROLES = ("Role", "RoleArn")
"""Properties by which a function, a state machine or a rule acts under a role."""
_REPLACEMENTS: Mapping[str, Action] = {"True": "replace", "Conditional": "may replace"}


@dataclass(frozen=True)
class Change:
    """One resource, and what would become of it.

    Attributes:
        changes_role: It would act under another role.
        stays: Of one that is replaced: the old one stays in the account, with what it holds.
    """

    action: Action
    logical_id: str
    type: str
    changes_role: bool = False
    stays: bool = False

    @property
    def concerns_rights(self) -> bool:
        return self.changes_role or self.type.startswith(_RIGHTS)

    @property
    def is_exchanged(self) -> bool:
        """Whether the stack would go on without what is there now."""
        return self.action in ("replace", "may replace", "delete")

    @property
    def loses_something(self) -> bool:
        """Whether what is there now would be gone, with what it holds."""
        return self.is_exchanged and not self.stays


@dataclass(frozen=True)
class ChangeSet:
    """The changes of one stack, not yet made.

    Attributes:
        id: Its ARN.
        stack_id: The ARN of the stack, which may be no more than a shell.
        creates: Whether the stack is new.
    """

    id: str
    stack_id: str
    stack_name: str
    creates: bool
    changes: tuple[Change, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do; outputs alone may change, too, which no change tells."""
        return not self.id


def propose(
    cloudformation: Any,
    stack: BuiltStack,
    *,
    name: str,
    template_url: str,
    parameters: list[dict[str, Any]],
    creates: bool,
    sleep: Callable[[float], object],
) -> ChangeSet:
    """Have CloudFormation find out what would change.

    Args:
        name: Of the change set; a stack has no two of one name.

    Raises:
        StackFailed: It cannot be deployed so, and the stack is what it was.
    """
    try:
        made = cloudformation.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateURL=template_url,
            Parameters=parameters,
            Capabilities=stack.capabilities,
            Tags=[{"Key": key, "Value": value} for key, value in sorted(stack.tags.items())],
        )
    except cloudformation.exceptions.ClientError as error:
        raise StackFailed(
            f"CloudFormation refuses the template of {stack.name}: "
            f"{error.response['Error']['Message']}. Nothing was changed"
        ) from error
    found = ChangeSet(made["Id"], made["StackId"], stack.name, creates)
    try:
        described = wait_until(
            lambda: cloudformation.describe_change_set(ChangeSetName=found.id),
            lambda seen: seen["Status"] in ("CREATE_COMPLETE", "FAILED"),
            pauses=growing(0.5, by=1.5, longest=5),
            sleep=sleep,
        )
        if described["Status"] != "FAILED":
            return replace(found, changes=tuple(_changes(cloudformation, found.id, stack)))
    except BaseException:
        withdraw(cloudformation, found, sleep)
        raise
    withdraw(cloudformation, found, sleep)
    reason = described.get("StatusReason", "no reason was given")
    if any(words in reason for words in _NOTHING):
        return replace(found, id="")
    raise StackFailed(f"{stack.name} cannot be changed so: {reason}. Nothing was changed")


def withdraw(
    cloudformation: Any, change_set: ChangeSet, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Forget a change set, and the shell of a stack if nobody else has a use for it.

    Somebody else may have deployed into the same shell, or have a change set there.
    """
    if change_set.is_empty:
        return
    refused = wait_until(
        lambda: _refusal_to_delete(cloudformation, change_set.id),
        lambda refusal: refusal is None,
        pauses=itertools.repeat(_POLL_SECONDS, _POLLS),
        sleep=sleep,
    )
    if refused is not None:
        raise StackFailed(
            f"the change set {change_set.id} is not deleted: {refused}. It changes nothing; delete "
            "it in CloudFormation's console"
        ) from refused
    if not change_set.creates:
        return
    shell = look_up(cloudformation, change_set.stack_id)
    if (
        shell is not None
        and shell["StackStatus"] == "REVIEW_IN_PROGRESS"
        and not change_sets_of(cloudformation, change_set.stack_id) - {change_set.id}
    ):
        cloudformation.delete_stack(StackName=change_set.stack_id)


def change_sets_of(cloudformation: Any, stack: str) -> set[str]:
    """ARNs of the change sets that wait for a stack."""
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    return {
        one["ChangeSetId"]
        for page in pages
        for one in page["Summaries"]
        if one.get("Status") != "FAILED" and one.get("ExecutionStatus") not in _OVER
    }


def _refusal_to_delete(cloudformation: Any, change_set_id: str) -> Exception | None:
    """Delete a change set, or say why that cannot be done yet: one that is computed now."""
    try:
        cloudformation.delete_change_set(ChangeSetName=change_set_id)
    except cloudformation.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "InvalidChangeSetStatus":
            return cast(Exception, error)
        if code != "ChangeSetNotFound":
            raise
    return None


def _changes(cloudformation: Any, change_set_id: str, stack: BuiltStack) -> Iterator[Change]:
    token: dict[str, str] = {}
    while True:
        page = cloudformation.describe_change_set(ChangeSetName=change_set_id, **token)
        for one in page.get("Changes", ()):
            changed = one["ResourceChange"]
            name = changed["LogicalResourceId"]
            policy = stack.template["Resources"].get(name, {}).get("UpdateReplacePolicy", "Delete")
            yield Change(
                action=_action(changed),
                logical_id=name,
                type=changed["ResourceType"],
                changes_role=any(map(_is_role, changed.get("Details", ()))),
                stays=changed["Action"] == "Modify"
                and changed.get("PolicyAction", f"ReplaceAnd{policy}") == "ReplaceAndRetain",
            )
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _is_role(detail: Mapping[str, Any]) -> bool:
    """Whether a changed property says under which role something acts."""
    target = detail.get("Target", {})
    path = target.get("Path") or target.get("Name") or ""
    # Without a path it is not told what of a rule's targets changes, and each may have a role.
    return path.rpartition("/")[2] in (*_ROLES, "Targets")


def _action(changed: Mapping[str, Any]) -> Action:
    match changed["Action"]:
        case "Add":
            return "add"
        case "Remove":
            return "leave behind" if changed.get("PolicyAction") == "Retain" else "delete"
        case _:
            return _REPLACEMENTS.get(changed.get("Replacement", ""), "change")
