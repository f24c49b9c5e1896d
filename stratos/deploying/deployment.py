"""One stack from what was built to what stands in the account: proposed, then carried out."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stratos.deploying.assembly import BuiltStack, asset_bucket_name
from stratos.deploying.asset_bucket import AssetBucket
from stratos.deploying.changes import ChangeSet, change_sets_of, propose, withdraw
from stratos.deploying.following import ResourceEvent, Watch, describe, look_up
from stratos.errors import StackFailed

_CHANGEABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_OF_A_CHANGE = ("StackId", "StackStatus", "LastUpdatedTime")
_CDK_PARAMETER = "BootstrapVersion"
"""Of a stack that the CDK's command deployed: the template asks for its bootstrapping."""


@dataclass(frozen=True)
class Account:
    """One region of the account that is deployed to, with a client of each service.

    Attributes:
        id: The account's number.
        caller: ARN of whoever calls.
    """

    id: str
    caller: str
    region: str
    cloudformation: Any
    s3: Any
    sleep: Callable[[float], object] = time.sleep

    @property
    def partition(self) -> str:
        return self.caller.split(":")[1]

    def asset_bucket(self, owner: str) -> AssetBucket:
        name = asset_bucket_name(owner, self.id, self.region)
        return AssetBucket(self.s3, name, self.id, self.region, self.partition)


@dataclass
class Deployment:
    """A stack, and the place where it is to stand."""

    stack: BuiltStack
    account: Account
    change_set: ChangeSet | None = None
    made_bucket: bool = False
    is_executed: bool = False
    found: Mapping[str, Any] | None = None
    """The stack before anything was proposed."""

    def propose(self, name: str, settings: Mapping[str, str], *, from_cdk: bool) -> ChangeSet:
        """Find out what would change, and change nothing but the bucket that the template needs.

        Args:
            name: Of the change set.
            settings: Values of the template's parameters. One that is not given stays what it is.
            from_cdk: Take over a stack that the CDK's command deployed.

        Raises:
            StackFailed: It cannot be deployed so.
        """
        stack, account = self.stack, self.account
        present = self.found = describe(account.cloudformation, stack.name)
        if present is not None:
            _refuse_unchangeable(present, from_cdk=from_cdk)
        parameters = _parameters(stack, present, settings)
        bucket = account.asset_bucket(stack.owner)
        self.made_bucket = bucket.make()
        bucket.secure()
        self.change_set = propose(
            account.cloudformation,
            stack,
            name=name,
            template_url=bucket.put_template(stack.template_text),
            parameters=parameters,
            creates=present is None,
            sleep=account.sleep,
        )
        return self.change_set

    def withdraw(self) -> None:
        """Leave the account as it was found, unless CloudFormation is at work already."""
        if self.is_executed:
            return
        if self.change_set is not None:
            withdraw(self.account.cloudformation, self.change_set, self.account.sleep)
        if self.made_bucket and self._is_as_found():
            self.account.asset_bucket(self.stack.owner).remove()

    def _is_as_found(self) -> bool:
        """Whether nobody else has deployed the stack meanwhile, or is about to."""
        cloudformation, before = self.account.cloudformation, self.found
        now = look_up(cloudformation, self.stack.name)
        if before is None or now is None:
            return now is None or now["StackStatus"].startswith("DELETE_")
        same = all(now.get(key) == before.get(key) for key in _OF_A_CHANGE)
        return same and not change_sets_of(cloudformation, self.stack.name)

    def carry_out(
        self, tell: Callable[[str], None], tell_event: Callable[[ResourceEvent], None]
    ) -> Mapping[str, Any]:
        """Upload what is missing, make the changes, and return the stack as it then stands.

        Archives are uploaded where nothing is to change, too: somebody may have deleted some.

        Raises:
            StackFailed: with the reasons, and what became of the stack.
        """
        proposed, account = self.change_set, self.account
        assert proposed is not None, "nothing was proposed"
        bucket = account.asset_bucket(self.stack.owner)
        num = bucket.upload(self.stack.archives, tell)
        tell(f"{len(self.stack.archives) - num} of {len(self.stack.archives)} archives were there")
        if proposed.is_empty:
            return self.found or {}
        watch = Watch.begin(account.cloudformation, proposed.stack_id)
        self.is_executed = True  # before: a Ctrl-C may come while the request is on its way
        try:
            account.cloudformation.execute_change_set(ChangeSetName=proposed.id)
        except account.cloudformation.exceptions.ClientError:
            self.is_executed = False
            raise
        wanted = "CREATE_COMPLETE" if proposed.creates else "UPDATE_COMPLETE"
        return watch.follow(tell_event, account.sleep, wanted=wanted)

    def protect(self, on: bool) -> None:
        """Have CloudFormation refuse to delete the stack, or let it."""
        self.account.cloudformation.update_termination_protection(
            StackName=self.stack.name, EnableTerminationProtection=on
        )


def _refuse_unchangeable(present: Mapping[str, Any], *, from_cdk: bool) -> None:
    """Raise StackFailed for a stack that takes no change now, or belongs to another tool."""
    name, status = present["StackName"], present["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        raise StackFailed(
            f"{name} is {status}: somebody else changes it now; wait until it is done"
        )
    if status == "UPDATE_ROLLBACK_FAILED":
        raise StackFailed(
            f"{name} is {status}; continue the rollback in CloudFormation's console, which lets "
            "you skip resources, then deploy again"
        )
    if status not in _CHANGEABLE:
        raise StackFailed(
            f"{name} is {status} and takes no change; remove it with `stratos destroy`, then "
            "deploy again"
        )
    by_cdk = any(one["ParameterKey"] == _CDK_PARAMETER for one in present.get("Parameters", ()))
    if by_cdk and not from_cdk:
        raise StackFailed(
            f"{name} was deployed by `npx cdk deploy`, and its jobs read their code from the CDK's "
            "bucket. Go on with that command; or wait until no run is under way, and give "
            "--from-cdk once: from then on code is in a bucket of the deployment's own"
        )


def _parameters(
    stack: BuiltStack, present: Mapping[str, Any] | None, settings: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What is given, and of the rest what the stack has; a new stack has the defaults."""
    declared = stack.template.get("Parameters", {})
    for name in settings:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise StackFailed(
                f"{stack.name} has no setting {name}{meant or '.'} There are: "
                f"{', '.join(sorted(declared)) or 'none'}. Others are fixed when the stack is "
                "synthesized, in a clone's cdk.json"
            )
    kept = {one["ParameterKey"] for one in (present or {}).get("Parameters", ())}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in settings.items()]
    left = [name for name in declared if name in kept and name not in settings]
    return [*given, *({"ParameterKey": name, "UsePreviousValue": True} for name in left)]
