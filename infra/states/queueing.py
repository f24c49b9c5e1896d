"""The state in which a run waits for its place among those that work."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.states.lambda_calls import LambdaCalls

LONGEST_WAIT = Duration.days(14)
"""Beyond one run before it that takes three days and waits seven for a person."""
_ATTEMPTS = 60
"""At a queue that is busy: about half an hour, since each waits for half a minute on average."""


@dataclass(frozen=True)
class QueueStates:
    """Between a spec that was read and the first state that costs money: a place.

    A task token waits: however long that is, it is one transition and a handful of events.
    """

    scope: Construct
    lambdas: LambdaCalls

    def chain(self, *, failed: sfn.IChainable) -> sfn.TaskStateBase:
        """Build the states and return the first, which the caller goes on from.

        Args:
            failed: What follows an error, which is in `$.failure`.
        """
        wait = self.lambdas.ask(
            "AwaitPlace",
            "await_place",
            {"run": "$.run", "spec_name": "$.parsed.name"},
            "$.run",
            timeout=sfn.Timeout.duration(LONGEST_WAIT),
        )
        wait.add_retry(
            errors=["QueueBusy"],
            interval=Duration.seconds(2),
            max_attempts=_ATTEMPTS,
            backoff_rate=2,
            max_delay=Duration.seconds(60),
            jitter_strategy=sfn.JitterType.FULL,
        )
        wait.add_catch(
            self._timed_out(failed), errors=["States.Timeout"], result_path=sfn.JsonPath.DISCARD
        )
        wait.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return wait

    def _timed_out(self, failed: sfn.IChainable) -> sfn.IChainable:
        return sfn.Pass(
            self.scope,
            "PlaceTimedOut",
            comment="Other runs took all places",
            parameters={
                "Error": "QueueTimedOut",
                "Cause": f"other runs took all places for {LONGEST_WAIT.to_days():.0f} days; end "
                "those that are no longer wanted (`stratos stop`), or let the stack work on more "
                "at once (stratos:max_concurrent_runs), and upload the spec again",
            },
            result_path="$.failure",
        ).next(failed)
