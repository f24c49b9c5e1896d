"""The states that put a model into service on an endpoint that scales to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.permissions import run_role
from infra.states.lambda_calls import LambdaCalls
from infra.states.sdk_calls import (
    NOT_SCALED,
    REFUSED,
    create_model,
    put_alarms,
    sdk_call,
)
from stratos.hosting.names import MODEL_ROLE, VARIANT
from stratos.hosting.scaling import scalable_component

_ATTEMPTS = 500
"""A minute apart: over eight hours, beyond the limit of any update."""
_SETTLING = Duration.seconds(2)
"""A component may be described as it was before its update began."""


@dataclass(frozen=True)
class ComponentStates:
    """An endpoint without a model, and the component that holds it: made, or updated.

    SageMaker updates a component copy by copy. One that does not start, or whose alarms trip, is
    rolled back, which AwaitComponent tells by the model that is in service.
    """

    scope: Construct
    network: Mapping[str, Any]
    lambdas: LambdaCalls
    deployment: str
    """JSONPath of the `stratos.pipeline.steps.Deployment`."""

    def chain(self, *, succeeded: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            succeeded: What follows a component in service with the new model.
            failed: What follows anything else; the error is in `$.failure`.
        """
        condition, component = sfn.Condition, f"{self.deployment}.component"
        create = self._create(failed).next(
            self._await("AwaitNewComponent", "model", failed).next(succeeded)
        )
        first = create_model(
            self.scope,
            "CreateComponentModel",
            self.deployment,
            network=self.network,
            failed=failed,
        )
        return first.next(
            sfn.Choice(
                self.scope, "IsComponentLive", comment="Does its endpoint serve a model already?"
            )
            .when(condition.is_not_null(f"{component}.previous"), self._replace(succeeded, failed))
            .when(condition.boolean_equals(f"{self.deployment}.replaces_live", True), create)
            .otherwise(self._endpoint(create, failed))
        )

    def _endpoint(self, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """An endpoint that has instances, and no model yet."""
        config = self._call(
            "CreateComponentConfig",
            {
                "EndpointConfigName": f"{self.deployment}.endpoint_config_name",
                "ProductionVariants": f"States.Array({self.deployment}.production_variant)",
                "Tags": f"{self.deployment}.tags",
                "ExecutionRoleArn": run_role(MODEL_ROLE, "$.run"),
            },
            failed,
            operation="createEndpointConfig",
            # Of what is in components, SageMaker takes role and network from the configuration.
            constants=self.network,
        )
        endpoint = self._call(
            "CreateComponentEndpoint",
            {
                "EndpointName": f"{self.deployment}.endpoint_name",
                "EndpointConfigName": f"{self.deployment}.endpoint_config_name",
                "Tags": f"{self.deployment}.tags",
            },
            failed,
            operation="createEndpoint",
        )
        config.next(endpoint).next(self._await("AwaitEndpoint", "endpoint", failed)).next(then)
        return config

    def _create(self, failed: sfn.IChainable) -> tasks.CallAwsService:
        component = f"{self.deployment}.component"
        return self._call(
            "CreateInferenceComponent",
            {
                "InferenceComponentName": f"{component}.name",
                "EndpointName": f"{self.deployment}.endpoint_name",
                "Specification": f"{component}.specification",
                "RuntimeConfig": f"{component}.runtime_config",
                "Tags": f"{self.deployment}.tags",
            },
            failed,
            constants={"VariantName": VARIANT},
        )

    def _replace(self, succeeded: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Stop scaling, give the former model its copies, put alarms that watch, and update."""
        component = f"{self.deployment}.component"
        guardrails = f"{self.deployment}.guardrails"
        wake = self._await("WakeComponent", "copies", failed)
        stop = self._stop_scaling(wake, failed)
        update = self._call(
            "UpdateInferenceComponent",
            {
                "InferenceComponentName": f"{component}.name",
                "Specification": f"{component}.specification",
                "DeploymentConfig": f"{guardrails}.deployment_config",
            },
            failed,
        )
        update.add_retry(  # copies may have begun to start or stop before scaling was stopped
            errors=[REFUSED],
            interval=Duration.seconds(5),
            max_attempts=20,
            backoff_rate=1.5,
            max_delay=Duration.seconds(60),
        )
        settle = sfn.Wait(
            self.scope,
            "SettleComponent",
            comment="Until its description is of the update",
            time=sfn.WaitTime.duration(_SETTLING),
        )
        delete_alarms = self._call(
            "DeleteComponentAlarms",
            {"AlarmNames": f"{guardrails}.alarms[*].AlarmName"},
            failed,
            service="cloudwatch",
            operation="deleteAlarms",
        )
        alarms = put_alarms(self.scope, "PutComponentAlarms", f"{guardrails}.alarms", failed)
        updated = self._await("AwaitComponent", "model", failed)
        stop.next(wake)
        wake.next(alarms).next(update).next(settle).next(updated).next(delete_alarms)
        delete_alarms.next(succeeded)
        return stop

    def _stop_scaling(self, then: sfn.IChainable, failed: sfn.IChainable) -> tasks.CallAwsService:
        """Forget the bounds of the copies: Promote sets the new ones, CleanUp the former."""
        target = scalable_component("{}")
        resource = target.pop("ResourceId")
        return self._call(
            "StopComponentScaling",
            {"ResourceId": f"States.Format('{resource}', {self.deployment}.component.name)"},
            failed,
            service="applicationautoscaling",
            operation="deregisterScalableTarget",
            constants=target,
            catches={NOT_SCALED: then},
        )

    def _await(self, name: str, awaited: str, failed: sfn.IChainable) -> tasks.LambdaInvoke:
        """Ask until SageMaker is done."""
        state = self.lambdas.invoke(
            name,
            "await_component",
            {"deployment": self.deployment, "awaits": awaited},
            "$.component",
        )
        state.add_retry(
            errors=["ComponentNotReady"],
            interval=Duration.seconds(1),
            max_attempts=_ATTEMPTS,
            backoff_rate=1.3,
            max_delay=Duration.seconds(60),
        )
        state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return state

    def _call(
        self, name: str, paths: Mapping[str, str], failed: sfn.IChainable, **options: Any
    ) -> tasks.CallAwsService:
        return sdk_call(self.scope, name, paths, failed=failed, **options)
