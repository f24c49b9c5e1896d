"""The states of home that bring a model into service in several regions at once.

StageRegions → StageEverywhere (in each region, at once) → JudgeRegions → PromoteRegions
     ↑ TakeServersBack, where others are tried next ←┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.states.lambda_calls import LambdaCalls
from infra.states.load_gate import next_student
from infra.states.staging import STAGED, StagingStates
from stratos.pipeline.region_endpoints import LONGEST_STAGING_SECONDS
from stratos.pipeline.worker_jobs import HEARTBEAT_SECONDS

_TURN_ATTEMPTS = 720
"""A minute apart: half a day, beyond what one run does with its endpoints."""


@dataclass(frozen=True)
class RegionalStates:
    """Stage endpoints, judge them together, promote all or none, and retire what was before."""

    scope: Construct
    lambdas: LambdaCalls
    network: Mapping[str, Any]

    def chain(
        self, *, promoted: sfn.IChainable, again: sfn.IChainable, failed: sfn.IChainable
    ) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            promoted: What follows a model in service.
            again: Where the next student is matched.
            failed: What follows anything else; the error is in `$.failure`.
        """
        stage = self._call("StageRegions", "stage_regions", STAGED, failed)
        stage.add_retry(
            errors=["EndpointBusy"],
            interval=Duration.seconds(2),
            max_attempts=_TURN_ATTEMPTS,
            backoff_rate=1.5,
            max_delay=Duration.seconds(60),
        )
        everywhere = self._everywhere(failed)
        judge = self._call("JudgeRegions", "judge_regions", "$.measured", failed)
        promote = self._call(
            "PromoteRegions",
            "promote_regions",
            "$.promoted",
            failed,
            parsed="$.parsed",
            package_arn="$.package.ModelPackageArn",
        )
        missed = sfn.Pass(
            self.scope,
            "RegionMissed",
            comment="Name the gate that was missed, and where",
            parameters={"Error": "LatencyGateError", "Cause.$": "$.measured.reason"},
            result_path="$.failure",
        )
        promote.next(promoted)
        stage.next(everywhere).next(judge).next(
            sfn.Choice(self.scope, "IsEveryRegionGood", comment="Every gate, in every region?")
            .when(sfn.Condition.boolean_equals("$.measured.passed", True), promote)
            .when(
                sfn.Condition.is_not_null("$.measured.deployment"),
                self._next_servers(failed).next(stage),
            )
            .when(
                sfn.Condition.is_numeric("$.measured.next_attempt"),
                next_student(
                    self.scope,
                    self.lambdas,
                    take_back="TakeRegionsBack",
                    go_on="NextStudentForRegions",
                    again=again,
                    failed=failed,
                ),
            )
            .otherwise(missed.next(failed))
        )
        return stage

    def _next_servers(self, failed: sfn.IChainable) -> tasks.LambdaInvoke:
        """Take back what missed a gate, which is billed, before other servers are tried."""
        taken_back = self.lambdas.clean_up(
            "TakeServersBack",
            {"run": "$.run", "servers_missed": "$.measured.reason"},
            "$.cleaned_up",
        )
        taken_back.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return taken_back

    def draining(self, then: sfn.IChainable) -> sfn.IChainable:
        """What follows a promotion: former endpoints go once no client asks them any more.

        Args:
            then: What follows, also where they cannot be deleted now: the sweepers do it.
        """
        retire = self.lambdas.invoke(
            "RetireFormer",
            "retire_former",
            {"run": "$.run", "former": "$.promoted.former"},
            "$.retired",
        )
        retire.add_catch(then, errors=["States.ALL"], result_path="$.retire_failure")
        retire.next(then)
        drain = sfn.Wait(
            self.scope,
            "DrainFormer",
            comment="For longer than clients keep asking what was in service",
            time=sfn.WaitTime.seconds_path("$.promoted.drain_seconds"),
        ).next(retire)
        return (
            sfn.Choice(self.scope, "IsFormerDrained", comment="Are other endpoints replaced?")
            .when(sfn.Condition.is_numeric("$.promoted.drain_seconds"), drain)
            .otherwise(then)
        )

    def _everywhere(self, failed: sfn.IChainable) -> sfn.Map:
        """Each region at once; the first that fails ends it, and CleanUp takes all of them back."""
        here = StagingStates(
            scope=self.scope,
            lambdas=self.lambdas,
            network=self.network,
            home=None,
        ).chain(ready=sfn.Pass(self.scope, "Staged", comment="Ready, and measured"), failed=None)
        away = self.lambdas.ask(
            "HandOverEndpoint",
            "hand_over_endpoint",
            {"run": "$.run", "staged": STAGED},
            sfn.JsonPath.DISCARD,
            timeout=sfn.Timeout.duration(Duration.seconds(LONGEST_STAGING_SECONDS)),
            heartbeat=sfn.Timeout.duration(Duration.seconds(HEARTBEAT_SECONDS)),
        )
        where = sfn.Choice(self.scope, "IsStagedHere", comment="In the stack's own region?")
        region = Stack.of(self.scope).region
        where.when(sfn.Condition.string_equals(f"{STAGED}.region", region), here).otherwise(away)
        everywhere = sfn.Map(
            self.scope,
            "StageEverywhere",
            comment="An endpoint in each region, which nobody asks yet",
            items_path=f"{STAGED}.endpoints",
            item_selector={
                "run": sfn.JsonPath.object_at("$.run"),
                "staged": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            },
            result_path=sfn.JsonPath.DISCARD,
        ).item_processor(where)
        everywhere.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return everywhere

    def _call(
        self, name: str, module: str, result_path: str, failed: sfn.IChainable, **more: str
    ) -> tasks.LambdaInvoke:
        state = self.lambdas.invoke(name, module, {"run": "$.run", **more}, result_path)
        state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return state
