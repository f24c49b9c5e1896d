"""What a deployment would change, as CloudFormation finds it before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stratos.deploying.assembly import BuiltStack
from stratos.errors import StackFailed
from stratos.waiting import growing, wait_until

Action = Literal["add", "change", "replace", "may replace", "delete", "leave behind"]

_NOTHING = ("didn't contain changes", "No updates are to be performed")
_RIGHTS = (
    *("AWS::IAM::", "AWS::KMS::Key", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"),
    *("AWS::SQS::QueuePolicy", "AWS::Lambda::Permission"),
)
"""Types that say who may do what."""
_REPLACEMENTS: Mapping[str, Action] = {"True": "replace", "Conditional": "may replace"}


@dataclass(frozen=True)
class Change:
    """One resource, and what would become of it."""

    action: Action
    logical_id: str
    type: str

    @property
    def concerns_rights(self) -> bool:
        return self.type.startswith(_RIGHTS)

    @property
    def loses_something(self) -> bool:
        """Whether what is there now would be gone, with what it holds."""
        return self.action in ("replace", "may replace", "delete")


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
    described = wait_until(
        lambda: cloudformation.describe_change_set(ChangeSetName=found.id),
        lambda seen: seen["Status"] in ("CREATE_COMPLETE", "FAILED"),
        pauses=growing(0.5, by=1.5, longest=5),
        sleep=sleep,
    )
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "no reason was given")
        withdraw(cloudformation, found)
        if any(words in reason for words in _NOTHING):
            return ChangeSet("", made["StackId"], stack.name, creates)
        raise StackFailed(f"{stack.name} cannot be changed so: {reason}. Nothing was changed")
    changes = tuple(_changes(cloudformation, found.id))
    return ChangeSet(found.id, found.stack_id, stack.name, creates, changes)


def withdraw(cloudformation: Any, change_set: ChangeSet) -> None:
    """Forget a change set, and the shell of a stack that is only there for it."""
    if change_set.is_empty:
        return
    cloudformation.delete_change_set(ChangeSetName=change_set.id)
    if change_set.creates:
        cloudformation.delete_stack(StackName=change_set.stack_id)


def _changes(cloudformation: Any, change_set_id: str) -> Iterator[Change]:
    token: dict[str, str] = {}
    while True:
        page = cloudformation.describe_change_set(ChangeSetName=change_set_id, **token)
        for one in page.get("Changes", ()):
            changed = one["ResourceChange"]
            yield Change(_action(changed), changed["LogicalResourceId"], changed["ResourceType"])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _action(changed: Mapping[str, Any]) -> Action:
    match changed["Action"]:
        case "Add":
            return "add"
        case "Remove":
            return "leave behind" if changed.get("PolicyAction") == "Retain" else "delete"
        case _:
            return _REPLACEMENTS.get(changed.get("Replacement", ""), "change")
