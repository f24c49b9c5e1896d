"""What the states that wait for a person's approval pass to each other, and what is kept of it."""

from __future__ import annotations

from stratos.contracts.run import RunRef
from stratos.frozen import FrozenModel
from stratos.moment import Moment


class ApprovalInput(FrozenModel):
    """A model that waits for approval; the answer goes to the task token."""

    run: RunRef
    package_arn: str
    measured: str
    """The verdict on the held-out split, in words."""
    timeout_seconds: int
    task_token: str


class ApprovalRequested(FrozenModel):
    approve_by: Moment


class Approval(FrozenModel):
    """A person's approval: the output of the task that waited for it."""

    by: str
    """ARN of the identity that approved."""
    reason: str = ""


class ApprovalGiven(Approval):
    """`approval.json`: the approval of the model, and the time it took."""

    package_arn: str = ""
    """Of the model approved last."""
    waited_hours: float
    """Over all models of the run that needed approval."""

    def described(self) -> str:
        return f"approved by {self.by}" + (f": {self.reason}" if self.reason else "")


class ApprovalRecord(FrozenModel):
    """An approval to be recorded."""

    run: RunRef
    package_arn: str
    approval: Approval
