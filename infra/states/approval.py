"""The states that ask a person."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.states.lambda_calls import LambdaCalls

_TIMEOUT = "$.parsed.approval_timeout_seconds"
_PACKAGE = "$.package.ModelPackageArn"


@dataclass(frozen=True)
class ApprovalStates:
    """Between the registry and the first state that costs money to host: a person's answer.

    Whatever else ends the wait, CleanUp marks the registered version as rejected.
    """

    scope: Construct
    lambdas: LambdaCalls

    def chain(self, *, approved: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            approved: What follows where nobody needs to be asked, or somebody approved.
            failed: What follows anything else; the error is in `$.failure`.
        """
        ask = self.lambdas.ask(
            "AwaitApproval",
            "request_approval",
            {
                "run": "$.run",
                "package_arn": _PACKAGE,
                "measured": "$.quality.reason",
                "timeout_seconds": _TIMEOUT,
            },
            "$.approval",
            timeout=sfn.Timeout.at(_TIMEOUT),
        )
        record = self.lambdas.invoke(
            "RecordApproval",
            "record_approval",
            {
                "run": "$.run",
                "package_arn": _PACKAGE,
                "approval": "$.approval",
            },
            sfn.JsonPath.DISCARD,
        )
        ask.add_catch(
            self._timed_out(failed), errors=["States.Timeout"], result_path=sfn.JsonPath.DISCARD
        )
        for state in (ask, record):
            state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        ask.next(record).next(approved)
        return (
            sfn.Choice(self.scope, "NeedsApproval", comment="Does the spec ask for a person?")
            .when(sfn.Condition.is_numeric(_TIMEOUT), ask)
            .otherwise(approved)
        )

    def _timed_out(self, failed: sfn.IChainable) -> sfn.IChainable:
        return sfn.Pass(
            self.scope,
            "ApprovalTimedOut",
            comment="Nobody answered",
            parameters={
                "Error": "ApprovalTimedOut",
                "Cause.$": "States.Format('nobody approved or rejected the model within {} seconds "
                "(approval_timeout_hours of the spec); nothing was deployed. Upload the spec again"
                f" for another run, or deploy {{}} by hand', {_TIMEOUT}, {_PACKAGE})",
            },
            result_path="$.failure",
        ).next(failed)
