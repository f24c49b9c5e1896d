"""Endpoints: the role they serve under, and the states that register and deploy a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.approval import ApprovalStates
from infra.permissions import read_objects, run_container, use_key

GROUP_NAME = "stratos"
REPOSITORIES = ("huggingface-pytorch-inference", "vllm")
"""Of the images that `stratos.catalog.images` picks for serving."""

DEPLOYMENT = "$.quality.deployment"

_CALL_SECONDS = 60
_LONGEST_WAIT_SECONDS = 90
"""Waits grow by a second each: 1 + 2 + … + 90 is 68 minutes, beyond every start-up limit."""

_REFUSED = "SageMaker.SageMakerException"
"""How the SDK integration names SageMaker's ValidationException, which has no name of its own."""
_THROTTLED = ["SageMaker.ThrottlingException", "SageMaker.SdkClientException"]


class Endpoints(Construct):
    """The model package group, and the role of models in service."""

    def __init__(self, scope: Construct, id: str, *, bucket: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.packages = sagemaker.CfnModelPackageGroup(
            self,
            "Packages",
            model_package_group_name=GROUP_NAME,
            model_package_group_description="Models distilled by Stratos, with what they measured",
        )
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="What a model served by Stratos may do",
        )
        for statement in (
            *run_container(
                repositories=REPOSITORIES, log_group="/aws/sagemaker/Endpoints/stratos-*"
            ),
            *read_objects(bucket, "runs/"),
            use_key(key),
        ):
            self.role.add_to_policy(statement)


@dataclass(frozen=True)
class DeploymentStates:
    """Register, create or update the endpoint, and wait until it serves.

    SageMaker offers Step Functions no `.sync` for endpoints, hence the loop. An update that fails
    is rolled back by SageMaker: the endpoint is in service again, with its former configuration.
    """

    scope: Construct
    role: iam.IRole
    approval: ApprovalStates

    def chain(self, *, succeeded: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Build the states and return the first.

        Args:
            succeeded: What follows an endpoint in service with the new model.
            failed: What follows anything else; the error is in `$.failure`.
        """
        scope, condition = self.scope, sfn.Condition
        wait = sfn.Wait(
            scope,
            "WaitForEndpoint",
            comment="One second first, then one more each time",
            time=sfn.WaitTime.seconds_path("$.endpoint_wait.seconds"),
        )
        describe = self._call(
            "DescribeEndpoint",
            {"EndpointName": f"{DEPLOYMENT}.endpoint_name"},
            failed,
            result_path="$.endpoint",
        )
        wait_longer = sfn.Pass(
            scope,
            "WaitLonger",
            comment="Set the next wait",
            parameters={"seconds.$": "States.MathAdd($.endpoint_wait.seconds, 1)"},
            result_path="$.endpoint_wait",
        )
        is_serving = condition.and_(
            condition.string_equals("$.endpoint.EndpointStatus", "InService"),
            condition.string_equals_json_path(
                "$.endpoint.EndpointConfigName", f"{DEPLOYMENT}.endpoint_config_name"
            ),
        )
        # In service with another configuration and nothing failed: another run of the spec has
        # put its own model there meanwhile.
        is_taken = condition.and_(
            condition.string_equals("$.endpoint.EndpointStatus", "InService"),
            condition.is_not_present("$.endpoint.FailureReason"),
        )
        update = self._update(failed)
        has_failed = condition.or_(
            *(
                condition.string_equals("$.endpoint.EndpointStatus", status)
                for status in ("Failed", "InService", "OutOfService", "UpdateRollbackFailed")
            )
        )
        settled = (
            sfn.Choice(scope, "IsEndpointServing", comment="With the new configuration?")
            .when(is_serving, succeeded)
            .when(is_taken, update)
            .when(has_failed, self._explain(failed))
            .when(
                condition.number_greater_than("$.endpoint_wait.seconds", _LONGEST_WAIT_SECONDS),
                self._give_up(failed),
            )
            .otherwise(wait_longer.next(wait))
        )
        wait.next(describe)
        describe.next(settled)
        start_waiting = sfn.Pass(
            scope,
            "StartWaiting",
            comment="Set the first wait",
            result=sfn.Result.from_object({"seconds": 1}),
            result_path="$.endpoint_wait",
        ).next(wait)
        create = self._create(update, failed)
        update.next(start_waiting)
        create.next(start_waiting)
        live = (
            sfn.Choice(scope, "IsEndpointLive", comment="Does this spec have one already?")
            .when(condition.boolean_equals(f"{DEPLOYMENT}.replaces_live", True), update)
            .otherwise(create)
        )
        first, last = self._make_ready(failed)
        last.next(live)
        return first

    def _make_ready(self, failed: sfn.IChainable) -> tuple[tasks.CallAwsService, ...]:
        """Register the package, create model and endpoint configuration."""
        package, tags = f"{DEPLOYMENT}.model_package", f"{DEPLOYMENT}.tags"
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
        model = self._call(
            "CreateModel",
            {
                "ModelName": f"{DEPLOYMENT}.model_name",
                "PrimaryContainer": f"{DEPLOYMENT}.container",
                "Tags": tags,
            },
            failed,
            constants={"ExecutionRoleArn": self.role.role_arn},
        )
        config = self._call(
            "CreateEndpointConfig",
            {
                "EndpointConfigName": f"{DEPLOYMENT}.endpoint_config_name",
                "ProductionVariants": f"States.Array({DEPLOYMENT}.production_variant)",
                "Tags": tags,
            },
            failed,
        )
        register.next(self.approval.chain(approved=model, failed=failed))
        model.next(config)
        return register, config

    def _create(self, update: tasks.CallAwsService, failed: sfn.IChainable) -> tasks.CallAwsService:
        """Another run of the spec may have made the endpoint since: then it is updated."""
        return self._call(
            "CreateEndpoint",
            {
                "EndpointName": f"{DEPLOYMENT}.endpoint_name",
                "EndpointConfigName": f"{DEPLOYMENT}.endpoint_config_name",
                "Tags": f"{DEPLOYMENT}.tags",
            },
            failed,
            catches={_REFUSED: update},
        )

    def _update(self, failed: sfn.IChainable) -> tasks.CallAwsService:
        """Blue/green: the old fleet goes once the new one answers.

        SageMaker refuses while another run's change of the endpoint is under way; that ends.
        """
        update = self._call(
            "UpdateEndpoint",
            {
                "EndpointName": f"{DEPLOYMENT}.endpoint_name",
                "EndpointConfigName": f"{DEPLOYMENT}.endpoint_config_name",
            },
            failed,
        )
        update.add_retry(
            errors=[_REFUSED],
            interval=Duration.seconds(5),
            max_attempts=20,
            backoff_rate=1.5,
            max_delay=Duration.seconds(60),
        )
        return update

    def _explain(self, failed: sfn.IChainable) -> sfn.IChainable:
        explain = self._call(
            "DescribeFailure",
            {"EndpointName": f"{DEPLOYMENT}.endpoint_name"},
            failed,
            operation="describeEndpoint",
            result_path="$.failure",
            result_selector={"Error": "DeploymentFailed", "Cause.$": "$.FailureReason"},
        )
        return explain.next(failed)

    def _give_up(self, failed: sfn.IChainable) -> sfn.IChainable:
        return sfn.Pass(
            self.scope,
            "EndpointNeverReady",
            comment="Give up after more than an hour",
            parameters={
                "Error": "DeploymentFailed",
                "Cause.$": "States.Format('endpoint {} is still {} after more than an hour; look at"
                " its log group for what the container says', $.endpoint.EndpointName,"
                " $.endpoint.EndpointStatus)",
            },
            result_path="$.failure",
        ).next(failed)

    def _call(
        self,
        name: str,
        paths: Mapping[str, str],
        failed: sfn.IChainable,
        *,
        operation: str | None = None,
        constants: Mapping[str, str] | None = None,
        result_path: str = sfn.JsonPath.DISCARD,
        result_selector: Mapping[str, Any] | None = None,
        catches: Mapping[str, sfn.IChainable] | None = None,
    ) -> tasks.CallAwsService:
        """One SageMaker call; `operation` is the state's own name where left out."""
        state = tasks.CallAwsService(
            self.scope,
            name,
            service="sagemaker",
            action=operation or name[0].lower() + name[1:],
            parameters={f"{field}.$": path for field, path in paths.items()}
            | dict(constants or {}),
            # The state machine's role is written out in infra/workflow.py; the CDK's is not used.
            iam_resources=["*"],
            result_path=result_path,
            result_selector=result_selector,
            task_timeout=sfn.Timeout.duration(Duration.seconds(_CALL_SECONDS)),
        )
        state.add_retry(
            errors=_THROTTLED,
            interval=Duration.seconds(2),
            max_attempts=5,
            backoff_rate=2,
            max_delay=Duration.seconds(30),
            jitter_strategy=sfn.JitterType.FULL,
        )
        for error, then in (catches or {}).items():
            state.add_catch(then, errors=[error], result_path=sfn.JsonPath.DISCARD)
        state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        return state
