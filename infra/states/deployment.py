"""The states that register a model and deploy it, whichever way it is hosted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from infra.states.sdk_calls import sdk_call

DEPLOYMENT = "$.quality.deployment"
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
        rollout = RolloutStates(scope=self.scope, deployment=DEPLOYMENT)
        component = ComponentStates(
            scope=self.scope, role=self.role, lambdas=self.lambdas, deployment=DEPLOYMENT
        )
        return self._make_ready(
            rollout.chain(succeeded=succeeded, failed=failed),
            component=component.chain(succeeded=succeeded, failed=failed),
            batched=batched,
            failed=failed,
        )

    def _make_ready(
        self,
        then: sfn.IChainable,
        *,
        component: sfn.IChainable,
        batched: sfn.IChainable,
        failed: sfn.IChainable,
    ) -> tuple[sfn.IChainable, sfn.IChainable]:
        """Register the package, create model and endpoint configuration."""
        package, tags = f"{DEPLOYMENT}.model_package", f"{DEPLOYMENT}.tags"
        queue = f"{DEPLOYMENT}.async_inference_config"
        in_batches = sfn.Condition.is_not_null(f"{DEPLOYMENT}.transform_job")
        register = self._call(
            "Register",
            {
                "ModelPackageDescription": f"{package}.ModelPackageDescription",
                "ModelApprovalStatus": f"{package}.ModelApprovalStatus",
                "InferenceSpecification": f"{package}.InferenceSpecification",
                "ModelMetrics": f"{package}.ModelMetrics",
                "MetadataProperties": f"{package}.MetadataProperties",
                "CustomerMetadataProperties": f"{package}.CustomerMetadataProperties",
            },
            failed,
            operation="createModelPackage",
            constants={"ModelPackageGroupName": GROUP_NAME},
            result_path="$.package",
        )
        model = {
            "ModelName": f"{DEPLOYMENT}.model_name",
            "PrimaryContainer": f"{DEPLOYMENT}.container",
            "Tags": tags,
        }
        config = {
            "EndpointConfigName": f"{DEPLOYMENT}.endpoint_config_name",
            "ProductionVariants": f"States.Array({DEPLOYMENT}.production_variant)",
            "Tags": tags,
        }
        firsts = []
        for kind, role, fields in (
            ("", self.role, config),
            ("Async", self.queue_role, {**config, "AsyncInferenceConfig": queue}),
        ):
            first = self._call(
                f"Create{kind}Model",
                model,
                failed,
                operation="createModel",
                constants={"ExecutionRoleArn": role.role_arn},
            )
            first.next(
                self._call(
                    f"Create{kind}EndpointConfig",
                    fields,
                    failed,
                    operation="createEndpointConfig",
                )
            ).next(then)
            firsts.append(first)
        synchronous, asynchronous = firsts
        registered = (
            sfn.Choice(self.scope, "IsAsynchronous", comment="Do requests wait in a queue?")
            .when(sfn.Condition.is_not_null(queue), asynchronous)
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

    def _call(
        self, name: str, paths: Mapping[str, str], failed: sfn.IChainable, **options: Any
    ) -> tasks.CallAwsService:
        """One SageMaker call; what fails goes to `failed`."""
        return sdk_call(self.scope, name, paths, failed=failed, **options)
