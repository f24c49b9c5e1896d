"""The states that register a model and deploy it, whichever way it is hosted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.permissions import names_of
from infra.states.approval import ApprovalStates
from infra.states.components import ComponentStates
from infra.states.lambda_calls import LambdaCalls
from infra.states.rollout import RolloutStates
from infra.states.sdk_calls import create_model, create_more_models, sdk_call

DEPLOYMENT = "$.quality.deployment"
_QUEUE = f"{DEPLOYMENT}.async_inference_config"
_SERVERLESS = f"{DEPLOYMENT}.production_variant.ServerlessConfig"
_TURN_ATTEMPTS = 720
"""A minute apart: half a day, beyond what one run does with its endpoint."""


@dataclass(frozen=True)
class DeploymentStates:
    """Register, create model and configuration, and roll them out."""

    scope: Construct
    """Of models whose requests and answers lie in the bucket."""
    network: Mapping[str, Any]
    """Of models, as `infra.parts.network` has it."""
    approval: ApprovalStates
    lambdas: LambdaCalls

    def chain(
        self,
        *,
        succeeded: sfn.IChainable,
        batched: sfn.IChainable,
        failed: sfn.IChainable,
        in_regions: sfn.IChainable | None = None,
    ) -> tuple[sfn.IChainable, sfn.IChainable]:
        """Build the states; return the first, and the first for a model that is registered.

        Args:
            succeeded: What follows an endpoint in service with the new model.
            batched: What follows a registered model that is to have no endpoint.
            failed: What follows anything else; the error is in `$.failure`.
            in_regions: What follows a registered model that other regions than home are to serve,
                if there are any.
        """
        rollout = RolloutStates(scope=self.scope, deployment=DEPLOYMENT).chain(
            succeeded=succeeded, failed=failed
        )
        component = ComponentStates(
            scope=self.scope,
            network=self.network,
            lambdas=self.lambdas,
            deployment=DEPLOYMENT,
        ).chain(succeeded=succeeded, failed=failed)
        register = self._register(failed)
        serverless, synchronous = self._endpoints(rollout, failed)
        asynchronous = self._queued_endpoint(rollout, failed)
        in_batches = sfn.Condition.is_not_null(f"{DEPLOYMENT}.transform_job")
        registered = (
            sfn.Choice(self.scope, "IsAsynchronous", comment="Do requests wait in a queue?")
            .when(sfn.Condition.is_not_null(_QUEUE), asynchronous)
            .when(in_batches, batched)
            .when(sfn.Condition.is_not_null(f"{DEPLOYMENT}.component"), component)
            .when(sfn.Condition.is_present(_SERVERLESS), serverless)
            .otherwise(synchronous)
        )
        turn = self._turn(failed)
        turn.next(registered)
        hosted = sfn.Choice(self.scope, "IsBatch", comment="Is there to be no endpoint?")
        hosted.when(in_batches, batched)
        if in_regions is not None:
            hosted.when(sfn.Condition.is_present(f"{DEPLOYMENT}.served_in"), in_regions)
        hosted.otherwise(turn)
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
            constants={"ModelPackageGroupName": names_of(self.scope).prefix},
            result_path="$.package",
        )

    def _endpoints(
        self, then: sfn.IChainable, failed: sfn.IChainable
    ) -> tuple[sfn.IChainable, sfn.IChainable]:
        """The first states of a serverless endpoint, and of one with instances."""
        config = self._config("CreateEndpointConfig", {}, failed)
        config.next(then)
        # Serverless endpoints have neither network isolation nor a VPC:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html
        serverless = self._model("CreateServerlessModel", {}, failed)
        instances = self._model("CreateModel", self.network, failed)
        pooled = create_more_models(
            self.scope,
            "CreatePoolModels",
            DEPLOYMENT,
            network=self.network,
            failed=failed,
        )
        return serverless.next(config), instances.next(pooled).next(config)

    def _queued_endpoint(self, then: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        model = self._model("CreateAsyncModel", self.network, failed)
        queue = {"AsyncInferenceConfig": _QUEUE}
        return model.next(self._config("CreateAsyncEndpointConfig", queue, failed)).next(then)

    def _model(
        self, name: str, network: Mapping[str, Any], failed: sfn.IChainable
    ) -> tasks.CallAwsService:
        return create_model(self.scope, name, DEPLOYMENT, network=network, failed=failed)

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
