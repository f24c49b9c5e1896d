"""Training jobs: the role they run under, and the states that run one and try it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.packaging.assets import Assets
from infra.permissions import (
    arn,
    pass_role,
    read_objects,
    run_container,
    use_key,
    write_objects,
)
from infra.states.lambda_calls import LambdaCalls
from stratos.contracts.bucket import CHECKPOINT_PREFIX
from stratos.hosting.ownership import RUN_TAG

REPOSITORIES = ("huggingface-pytorch-training", "pytorch-training")
"""Of the images that `stratos.catalog.images` picks for training."""

_TIMEOUT_SECONDS = 2 * 24 * 3600
"""A job ends by its own stopping condition; this ends one that waits for a server for ever."""

RETRY_THROTTLED: Mapping[str, Any] = {
    "ErrorEquals": ["SageMaker.AmazonSageMakerException", "SageMaker.ThrottlingException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""Raised before a job exists, so that its name is still free. A job that failed is diagnosed."""


class TrainingJobs(Construct):
    """The code that jobs run, and the role they run it under."""

    def __init__(
        self, scope: Construct, id: str, *, assets: Assets, bucket: s3.IBucket, key: kms.IKey
    ) -> None:
        super().__init__(scope, id)
        self.source = s3_assets.Asset(self, "Source", path=str(assets.source))
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description="What a Stratos training job may do",
        )
        self.batch_role = _batch_role(self, bucket, key)
        models = [
            f"arn:{Aws.PARTITION}:bedrock:*::foundation-model/*",
            arn("bedrock", "inference-profile/*"),
        ]
        batches = arn("bedrock", "model-invocation-job/*")
        for statement in (
            *run_container(repositories=REPOSITORIES, log_group="/aws/sagemaker/TrainingJobs"),
            *read_objects(bucket, "specs/", "runs/", CHECKPOINT_PREFIX),
            write_objects(bucket, "runs/*", f"{CHECKPOINT_PREFIX}*"),
            use_key(key),
            # Archives of earlier deployments too: a run goes on with the code it began with.
            iam.PolicyStatement(
                actions=["s3:GetObject"], resources=[self.source.bucket.arn_for_objects("*.tar.gz")]
            ),
            iam.PolicyStatement(
                sid="BedrockTeachers",
                actions=["bedrock:InvokeModel"],
                resources=models,
            ),
            iam.PolicyStatement(
                sid="StartBedrockBatches",
                actions=["bedrock:CreateModelInvocationJob"],
                resources=[*models, batches],
            ),
            iam.PolicyStatement(
                sid="BedrockBatches",
                actions=["bedrock:GetModelInvocationJob", "bedrock:StopModelInvocationJob"],
                resources=[batches],
            ),
            pass_role(self.batch_role, "bedrock.amazonaws.com"),
            iam.PolicyStatement(
                sid="TeacherKeys",
                actions=["secretsmanager:GetSecretValue"],
                resources=[arn("secretsmanager", "secret:stratos/*")],
            ),
        ):
            self.role.add_to_policy(statement)


def _batch_role(scope: Construct, bucket: s3.IBucket, key: kms.IKey) -> iam.Role:
    """What Bedrock assumes to read a batch of questions and write its answers.

    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html
    """
    role = iam.Role(
        scope,
        "BatchRole",
        assumed_by=iam.ServicePrincipal(
            "bedrock.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": arn("bedrock", "model-invocation-job/*")},
            },
        ),
        description="What Bedrock may do in a batch of a Stratos training job",
    )
    for statement in (
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        use_key(key),
        iam.PolicyStatement(
            # A model named by its inference profile is invoked under this role, in other regions.
            actions=["bedrock:InvokeModel"],
            resources=[
                f"arn:{Aws.PARTITION}:bedrock:*::foundation-model/*",
                arn("bedrock", "inference-profile/*"),
            ],
        ),
    ):
        role.add_to_policy(statement)
    return role


@dataclass(frozen=True)
class TrainingJobStates:
    """The states around one training job: run it, diagnose a failure, try again or give up.

    `job_path` is where the execution holds the job, as `stratos.pipeline.steps.TrainingJob`;
    another attempt is put in its place.
    """

    scope: Construct
    name: str
    job_path: str
    role: iam.IRole
    lambdas: LambdaCalls

    def chain(
        self,
        *,
        succeeded: sfn.IChainable,
        failed: sfn.IChainable,
        result: Mapping[str, Any],
        hyper_parameters: str | None = None,
    ) -> sfn.CustomState:
        """Build the states and return the first.

        Args:
            succeeded: What follows a job that completed.
            failed: What follows a job given up; the reason is in `$.failure.Cause`.
            result: `ResultSelector` and `ResultPath` of the job's description.
            hyper_parameters: Expression for the hyperparameters, where they are not the job's own.
        """
        run = sfn.CustomState(
            self.scope,
            self.name,
            state_json={
                "Type": "Task",
                "Comment": f"Training job of {self.job_path}",
                "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:createTrainingJob.sync",
                "TimeoutSeconds": _TIMEOUT_SECONDS,
                "Parameters": self._request(hyper_parameters),
                "Retry": [RETRY_THROTTLED],
                **result,
            },
        )
        diagnose = self.lambdas.invoke(
            f"Diagnose{self.name}",
            "diagnose_job",
            {"run": "$.run", "job": self.job_path, "failure": "$.failure"},
            "$.diagnosis",
        )
        again = sfn.Pass(
            self.scope,
            f"Retry{self.name}",
            comment="The next attempt, under a name of its own",
            input_path="$.diagnosis.job",
            result_path=self.job_path,
        )
        explained = sfn.Pass(
            self.scope,
            f"{self.name}Failed",
            comment="The failure in words, in place of the described job",
            parameters={"Error.$": "$.failure.Error", "Cause.$": "$.diagnosis.reason"},
            result_path="$.failure",
        )
        run.add_catch(diagnose, errors=["States.ALL"], result_path="$.failure")
        run.next(succeeded)
        diagnose.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
        diagnose.next(
            sfn.Choice(
                self.scope, f"ShouldRetry{self.name}", comment="Is another attempt worth it?"
            )
            .when(sfn.Condition.boolean_equals("$.diagnosis.retry", True), again.next(run))
            .otherwise(explained.next(failed))
        )
        return run

    def _request(self, hyper_parameters: str | None) -> dict[str, Any]:
        job = self.job_path
        return {
            "TrainingJobName.$": f"{job}.name",
            "AlgorithmSpecification": {
                "TrainingImage.$": f"{job}.image_uri",
                "TrainingInputMode": "File",
            },
            "HyperParameters.$": hyper_parameters or f"{job}.hyper_parameters",
            "InputDataConfig.$": f"{job}.input_data_config",
            "OutputDataConfig.$": f"{job}.output_data_config",
            "ResourceConfig.$": f"{job}.resource_config",
            "StoppingCondition.$": f"{job}.stopping_condition",
            "CheckpointConfig.$": f"{job}.checkpoint_config",
            "Environment.$": f"{job}.environment",
            "EnableManagedSpotTraining.$": f"{job}.spot",
            "RoleArn": self.role.role_arn,
            "Tags": [{"Key": RUN_TAG, "Value.$": "$.run.run_id"}],
        }
