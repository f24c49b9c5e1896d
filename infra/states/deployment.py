"""The states that register a model and deploy it, whichever way it is hosted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.parts.hosting import GROUP_NAME
from infra.states.approval import ApprovalStates
from infra.states.components import ComponentStates
from infra.states.lambda_calls import LambdaCalls
from infra.states.rollout import RolloutStates
from infra.states.sdk_calls import create_model, create_more_models, sdk_call

DEPLOYMENT = "$.quality.deployment"
_QUEUE = f"{DEPLOYMENT}.async_inference_config"
_TURN_ATTEMPTS = 720
"""A minute apart: half a day, beyond what one run does with its endpoint."""


@dataclass(frozen=True)
class DeploymentStates:
    """Register, create model and configuration, and roll them out."""

    scope: Construct
    role: iam.IRole
    queue_role: iam.IRole
    """Of models whose requests and answers lie in the bucket."""
    approval: ApprovalStates
    lambdas: LambdaCalls

    def chain(
        self, *, succeeded: sfn.IChainable, batched: sfn.IChainable, failed: sfn.IChainable
    ) -> tuple[sfn.IChainable, sfn.IChainable]:
        """Build the states; return the first, and the first for a model that is registered.

        Args:
            succeeded: What follows an endpoint in service with the new model.
            batched: What follows a registered model that is to have no endpoint.
            failed: What follows anything else; the error is in `$.failure`.
        """
        rollout = RolloutStates(scope=self.scope, deployment=DEPLOYMENT).chain(
            succeeded=succeeded, failed=failed
        )
        component = ComponentStates(
            scope=self.scope, role=self.role, lambdas=self.lambdas, deployment=DEPLOYMENT
        ).chain(succeeded=succeeded, failed=failed)
        register = self._register(failed)
        synchronous = self._endpoint(rollout, failed)
        asynchronous = self._queued_endpoint(rollout, failed)
        in_batches = sfn.Condition.is_not_null(f"{DEPLOYMENT}.transform_job")
        registered = (
            sfn.Choice(self.scope, "IsAsynchronous", comment="Do requests wait in a queue?")
            .when(sfn.Condition.is_not_null(_QUEUE), asynchronous)
            .when(in_batches, batched)
            .when(sfn.Condition.is_not_null(f"{DEPLOYMENT}.component"), component)
            .otherwise(synchronous)
        )
        turn = self._turn(failed)
        turn.next(registered)
        hosted = (
            sfn.Choice(self.scope, "IsBatch", comment="Is there to be no endpoint?")
            .when(in_batches, batched)
            .otherwise(turn)
        )
        register.next(self.approval.chain(approved=hosted, failed=failed))
        return register, registered

    def _register(self, failed: sfn.IChainable) -> tasks.CallAwsService:
        fields = (
            "ModelPackageDescription",
            "ModelApprovalStatus",
            "InferenceSpecification",
            "ModelMetrics",
            "MetadataProperties",
            "CustomerMetadataProperties",
        )
        return sdk_call(
            self.scope,
            "Register",
            {field: f"{DEPLOYMENT}.model_package.{field}" for field in fields},
            failed=failed,
            operation="createModelPackage",
            constants={"ModelPackageGroupName": GROUP_NAME},
            result_path="$.package",
        )

    def _endpoint(self, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        model = create_model(self.scope, "CreateModel", DEPLOYMENT, role=self.role, failed=failed)
        pooled = create_more_models(
            self.scope, "CreatePoolModels", DEPLOYMENT, role=self.role, failed=failed
        )
        config = self._config("CreateEndpointConfig", {}, failed)
        return model.next(pooled).next(config).next(then)

    def _queued_endpoint(self, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        model = create_model(
            self.scope, "CreateAsyncModel", DEPLOYMENT, role=self.queue_role, failed=failed
        )
        queue = {"AsyncInferenceConfig": _QUEUE}
        return model.next(self._config("CreateAsyncEndpointConfig", queue, failed)).next(then)

    def _config(
        self, name: str, more: Mapping[str, str], failed: sfn.IChainable
    ) -> tasks.CallAwsService:
        return sdk_call(
            self.scope,
            name,
            {
                "EndpointConfigName": f"{DEPLOYMENT}.endpoint_config_name",
                "ProductionVariants": f"States.Array({DEPLOYMENT}.production_variant)",
                "Tags": f"{DEPLOYMENT}.tags",
                **more,
            },
            failed=failed,
            operation="createEndpointConfig",
        )

    def _turn(self, failed: sfn.IChainable) -> tasks.LambdaInvoke:
        """Wait until no other run of the spec changes the endpoint that they share."""
        turn = self.lambdas.invoke(
            "TakeTurn", "take_turn", {"run": "$.run", "deployment": DEPLOYMENT}, DEPLOYMENT
        )
        turn.add_retry(
            errors=["EndpointBusy"],
            interval=Duration.seconds(2),
            max_attempts=_TURN_ATTEMPTS,
            backoff_rate=1.5,
            max_delay=Duration.seconds(60),
        )
        turn.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return turn
