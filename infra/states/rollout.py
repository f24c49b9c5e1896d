"""The states that bring an endpoint into service, or show that it stays with what it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.states.sdk_calls import NOT_SCALED, REFUSED, put_alarms, sdk_call
from stratos.hosting.names import VARIANT
from stratos.hosting.scaling import scalable_target

_LONGEST_WAIT_SECONDS = 140
"""Waits grow by a second each: 1 + 2 + … + 140 is 2 h 44 min, beyond the limit of any update."""
_SETTLED_SECONDS = 2
"""Waits up to this long may see an endpoint as it was before its update began."""
_PATIENCE: Any = {
    "interval": Duration.seconds(5),
    "max_attempts": 12,
    "backoff_rate": 1.5,
    "max_delay": Duration.seconds(60),
}
"""With an endpoint that SageMaker is still changing."""


@dataclass(frozen=True)
class RolloutStates:
    """Create or update the endpoint, and wait until it serves.

    SageMaker offers Step Functions no `.sync` for endpoints, hence the loop. Guardrails watch an
    update (`stratos.hosting.guardrails`): SageMaker rolls back one that fails, and the endpoint is
    in service again with the configuration it had. No other run can have changed it meanwhile:
    this run has the turn at its endpoint (`lambdas/serving/turns.py`).
    """

    scope: Construct
    deployment: str
    """JSONPath of the `stratos.pipeline.steps.Deployment`."""

    def chain(self, *, succeeded: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            succeeded: What follows an endpoint in service with the new model.
            failed: What follows anything else; the error is in `$.failure`.
        """
        scope = self.scope
        wait = sfn.Wait(
            scope,
            "WaitForEndpoint",
            comment="One second first, then one more each time",
            time=sfn.WaitTime.seconds_path("$.endpoint_wait.seconds"),
        )
        start_waiting = sfn.Pass(
            scope,
            "StartWaiting",
            comment="Set the first wait",
            result=sfn.Result.from_object({"seconds": 1}),
            result_path="$.endpoint_wait",
        ).next(wait)
        wait_longer = sfn.Pass(
            scope,
            "WaitLonger",
            comment="Set the next wait",
            parameters={"seconds.$": "States.MathAdd($.endpoint_wait.seconds, 1)"},
            result_path="$.endpoint_wait",
        ).next(wait)
        update = self._update(start_waiting, failed)
        describe = self._call("DescribeEndpoint", {}, failed, result_path="$.endpoint")
        wait.next(describe)
        describe.next(
            self._settle(
                serving=self._end_watch(succeeded, failed), not_yet=wait_longer, failed=failed
            )
        )
        create = self._call(
            "CreateEndpoint", {**self._config, "Tags": f"{self.deployment}.tags"}, failed
        )
        # One that has failed may still be on its way out.
        create.add_retry(errors=[REFUSED], **_PATIENCE)
        create.next(start_waiting)
        return (
            sfn.Choice(scope, "IsEndpointLive", comment="Does this spec have one already?")
            .when(self._replaces_live, update)
            .otherwise(create)
        )

    @property
    def _replaces_live(self) -> sfn.Condition:
        return sfn.Condition.boolean_equals(f"{self.deployment}.replaces_live", True)

    @property
    def _config(self) -> dict[str, str]:
        return {"EndpointConfigName": f"{self.deployment}.endpoint_config_name"}

    @property
    def _guarded(self) -> sfn.Condition:
        return sfn.Condition.is_not_null(f"{self.deployment}.guardrails")

    def _update(self, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Blue/green: the old fleet goes once the new one answers and no alarm has tripped."""
        guardrails = f"{self.deployment}.guardrails"
        alarms = put_alarms(self.scope, "PutAlarms", f"{guardrails}.alarms", failed)
        guarded = self._call(
            "UpdateEndpoint",
            {**self._config, "DeploymentConfig": f"{guardrails}.deployment_config"},
            failed,
        )
        plain = self._call("UpdateUnguarded", self._config, failed, operation="updateEndpoint")
        for change in (guarded, plain):
            # The fleet may have begun to scale before its bounds were forgotten: that ends.
            change.add_retry(errors=[REFUSED], **_PATIENCE)
            change.next(then)
        guard = (
            sfn.Choice(self.scope, "IsGuarded", comment="Serverless endpoints take no guardrails")
            .when(self._guarded, alarms.next(guarded))
            .otherwise(plain)
        )
        stop = self._stop_scaling(guard, failed)
        stop.next(guard)
        return stop

    def _stop_scaling(self, then: sfn.IChainable, failed: sfn.IChainable) -> tasks.CallAwsService:
        """Forget the live fleet's bounds: Promote sets the new ones, CleanUp the former.

        SageMaker refuses another instance type under a scalable target, and with the same type
        the old bounds would change the fleet while it is measured.
        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
        """
        target = scalable_target("{}", VARIANT)
        resource = target.pop("ResourceId")
        return sdk_call(
            self.scope,
            "StopScaling",
            {"ResourceId": f"States.Format('{resource}', {self.deployment}.endpoint_name)"},
            failed=failed,
            service="applicationautoscaling",
            operation="deregisterScalableTarget",
            constants=target,
            catches={NOT_SCALED: then},
        )

    def _end_watch(self, succeeded: sfn.IChainable, failed: sfn.IChainable) -> sfn.Choice:
        """The alarms of an update end with it; CleanUp deletes those of one that failed."""
        delete = sdk_call(
            self.scope,
            "DeleteAlarms",
            {"AlarmNames": f"{self.deployment}.guardrails.alarms[*].AlarmName"},
            failed=failed,
            service="cloudwatch",
        )
        delete.next(succeeded)
        return (
            sfn.Choice(self.scope, "WasWatched", comment="Were alarms put for an update?")
            .when(sfn.Condition.and_(self._guarded, self._replaces_live), delete)
            .otherwise(succeeded)
        )

    def _settle(
        self,
        *,
        serving: sfn.IChainable,
        not_yet: sfn.IChainable,
        failed: sfn.IChainable,
    ) -> sfn.Choice:
        """What has become of the endpoint."""
        condition, status = sfn.Condition, "$.endpoint.EndpointStatus"
        in_service = condition.string_equals(status, "InService")
        config, waited = "$.endpoint.EndpointConfigName", "$.endpoint_wait.seconds"
        has_reason = condition.is_present("$.endpoint.FailureReason")
        is_over = condition.or_(
            *(
                condition.string_equals(status, name)
                for name in ("Failed", "InService", "OutOfService", "UpdateRollbackFailed")
            )
        )
        # No reason is promised for a rollback. In service with anything else is one.
        return (
            sfn.Choice(self.scope, "IsEndpointServing", comment="With the new configuration?")
            .when(
                condition.and_(
                    in_service,
                    condition.string_equals_json_path(
                        config, f"{self.deployment}.endpoint_config_name"
                    ),
                ),
                serving,
            )
            .when(
                condition.and_(
                    in_service, condition.number_less_than_equals(waited, _SETTLED_SECONDS)
                ),
                not_yet,
            )
            .when(condition.and_(is_over, has_reason), self._failed(failed))
            .when(is_over, self._rolled_back(failed, status, config))
            .when(
                condition.number_greater_than(waited, _LONGEST_WAIT_SECONDS),
                self._never_ready(failed, status),
            )
            .otherwise(not_yet)
        )

    def _failed(self, failed: sfn.IChainable) -> sfn.IChainable:
        return self._end(
            failed,
            "EndpointFailed",
            "In SageMaker's words",
            "States.Format('{}; see the log group of the endpoint', $.endpoint.FailureReason)",
        )

    def _rolled_back(self, failed: sfn.IChainable, status: str, config: str) -> sfn.IChainable:
        return self._end(
            failed,
            "RolledBack",
            "SageMaker gave no reason",
            "States.Format('endpoint {} is {} with configuration {}, not with {}: the new"
            " model did not start or tripped an alarm; see the log group of the endpoint',"
            f" $.endpoint.EndpointName, {status}, {config},"
            f" {self.deployment}.endpoint_config_name)",
        )

    def _never_ready(self, failed: sfn.IChainable, status: str) -> sfn.IChainable:
        return self._end(
            failed,
            "EndpointNeverReady",
            "Give up after almost three hours",
            "States.Format('endpoint {} is still {} after almost three hours; look at its"
            f" log group for what the container says', $.endpoint.EndpointName, {status})",
        )

    def _end(self, failed: sfn.IChainable, name: str, comment: str, cause: str) -> sfn.IChainable:
        return sfn.Pass(
            self.scope,
            name,
            comment=comment,
            parameters={"Error": "DeploymentFailed", "Cause.$": cause},
            result_path="$.failure",
        ).next(failed)

    def _call(
        self,
        name: str,
        paths: Mapping[str, str],
        failed: sfn.IChainable,
        *,
        operation: str | None = None,
        result_path: str = sfn.JsonPath.DISCARD,
    ) -> tasks.CallAwsService:
        """A call about the endpoint."""
        return sdk_call(
            self.scope,
            name,
            {"EndpointName": f"{self.deployment}.endpoint_name", **paths},
            failed=failed,
            operation=operation,
            result_path=result_path,
        )
