"""The load gate: the states that measure an endpoint, and that go on after a miss."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.states.deployment import DEPLOYMENT
from infra.states.lambda_calls import LambdaCalls


@dataclass(frozen=True)
class LoadGateStates:
    """An endpoint that misses its load, or a batch, is tried on the next server of the front.

    When none is left for its student it is taken back, and the next student is trained.
    """

    scope: Construct
    lambdas: LambdaCalls

    def chain(
        self, *, passed: sfn.IChainable, again: sfn.IChainable, failed: sfn.IChainable
    ) -> tuple[sfn.TaskStateBase, sfn.TaskStateBase, sfn.Pass]:
        """Build the states; return three of them.

        The first measures an endpoint, the second a batch, and the third leads to the next server.

        Args:
            passed: What follows an endpoint that holds its load.
            again: Where the next student is matched.
            failed: What follows where no plan is left; the reason is in `$.failure.Cause`.
        """
        measure = self._measure("MeasureEndpoint", "measure_endpoint", failed)
        measure_batch = self._measure(
            "MeasureBatch", "measure_batch", failed, transformed="$.transformed"
        )
        next_server = sfn.Pass(
            self.scope,
            "NextServer",
            comment="Serve the same model on the next server of the front",
            input_path="$.measured.deployment",
            result_path=DEPLOYMENT,
        )
        missed = sfn.Pass(
            self.scope,
            "LoadMissed",
            comment="Name the missed gate, and every plan that was tried",
            parameters={"Error": "LatencyGateError", "Cause.$": "$.measured.reason"},
            result_path="$.failure",
        )
        condition = sfn.Condition
        verdict = (
            sfn.Choice(
                self.scope,
                "IsFastEnough",
                comment="Load held, or is another server or student worth it?",
            )
            .when(condition.boolean_equals("$.measured.passed", True), passed)
            .when(condition.is_not_null("$.measured.deployment"), next_server)
            .when(
                condition.is_numeric("$.measured.next_attempt"),
                next_student(
                    self.scope,
                    self.lambdas,
                    take_back="TakeEndpointBack",
                    go_on="NextStudent",
                    again=again,
                    failed=failed,
                ),
            )
            .otherwise(missed.next(failed))
        )
        measure.next(verdict)
        measure_batch.next(verdict)
        return measure, measure_batch, next_server

    def _measure(
        self, name: str, module: str, failed: sfn.IChainable, **more: str
    ) -> tasks.LambdaInvoke:
        state = self.lambdas.invoke(
            name,
            module,
            {"run": "$.run", "match": "$.match", "deployment": DEPLOYMENT, **more},
            "$.measured",
        )
        state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return state


def next_student(
    scope: Construct,
    lambdas: LambdaCalls,
    *,
    take_back: str,
    go_on: str,
    again: sfn.IChainable,
    failed: sfn.IChainable,
) -> sfn.IChainable:
    """Take back what serves, which is billed, before another student is trained.

    Args:
        take_back, go_on: Names of the two states.
        again: Where the next student is matched.
    """
    taken_back = lambdas.clean_up(
        take_back, {"run": "$.run", "missed": "$.measured.reason"}, "$.cleaned_up"
    )
    taken_back.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
    return taken_back.next(
        sfn.Pass(
            scope,
            go_on,
            comment="Try the next student",
            input_path="$.measured.next_attempt",
            result_path="$.attempt",
        )
    ).next(again)
