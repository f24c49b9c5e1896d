"""What a training job runs, and the roles it runs under."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from infra.packaging.archives import sha256_of
from infra.packaging.assets import Assets
from infra.permissions import (
    PREFIX,
    STACK_NAME,
    arn,
    pass_role,
    read_archives,
    read_objects,
    run_container,
    trusted,
    trusted_sagemaker,
    use_key,
    write_objects,
    write_records,
)
from stratos.contracts.bucket import CHECKPOINT_PREFIX
from stratos.hosting.ownership import STACK_TAG

REPOSITORIES = ("pytorch",)
"""Of the images that `stratos.catalog.images` picks for training.

Jobs that name images of the release before cannot start any more: docs/deploy.md says why.
"""
_MLFLOW = (
    "CreateExperiment", "CreateRun", "LogBatch", "SearchExperiments", "SearchRuns", "UpdateRun",
)  # fmt: skip


class TrainingJobs(Construct):
    """The code that jobs run, and the role they run it under."""

    def __init__(
        self, scope: Construct, id: str, *, assets: Assets, bucket: s3.IBucket, key: kms.IKey
    ) -> None:
        super().__init__(scope, id)
        self.source = s3_assets.Asset(self, "Source", path=str(assets.source))
        self.packages = s3_assets.Asset(self, "Packages", path=str(assets.packages))
        self.source_sha256 = sha256_of(assets.source)
        self.packages_sha256 = sha256_of(assets.packages)
        self.role = _role(self)
        self.batch_role = _batch_role(self, bucket, key)
        _grant(self.role, bucket, key, code_in=self.source.bucket, teachers_in=Aws.REGION)
        for statement in (
            *batches_on_bedrock(),
            pass_role(self.batch_role, "bedrock.amazonaws.com"),
        ):
            self.role.add_to_policy(statement)
        self.role.add_to_policy(teacher_keys(Aws.REGION))
        self.role.add_to_policy(managed_mlflow(Aws.REGION))


class WorkerTrainingJobs(Construct):
    """The role of jobs in a worker region, where their code is among the copies.

    Secrets and Bedrock are home's, wherever a job runs, and no batch of Bedrock's is: its role is
    home's bucket's.
    """

    def __init__(
        self, scope: Construct, id: str, *, bucket: s3.IBucket, key: kms.IKey, home: str
    ) -> None:
        super().__init__(scope, id)
        self.role = _role(self)
        _grant(self.role, bucket, key, code_in=bucket, teachers_in=home)
        self.role.add_to_policy(teacher_keys(home))
        self.role.add_to_policy(managed_mlflow(home))


def _role(scope: Construct) -> iam.Role:
    return iam.Role(
        scope,
        "Role",
        assumed_by=trusted_sagemaker(),
        description="What a Stratos training job may do",
    )


def _grant(
    role: iam.Role, bucket: s3.IBucket, key: kms.IKey, *, code_in: s3.IBucket, teachers_in: str
) -> None:
    """What jobs may do in every region.

    Args:
        code_in: Where the archives lie that a job is started from.
        teachers_in: Region in which Bedrock is asked.
    """
    for statement in (
        *run_container("/aws/sagemaker/TrainingJobs", repositories=REPOSITORIES),
        *read_objects(bucket, "specs/", "runs/", CHECKPOINT_PREFIX),
        write_records(bucket, "runs/*"),
        write_objects(bucket, f"{CHECKPOINT_PREFIX}*"),
        use_key(key),
        *read_archives(code_in),
        models_on_bedrock(teachers_in),
    ):
        role.add_to_policy(statement)


def _models(region: str) -> list[str]:
    """Bedrock's models, by their own names and by profiles of a region."""
    return [
        f"arn:{Aws.PARTITION}:bedrock:*::foundation-model/*",
        arn("bedrock", "inference-profile/*", region=region),
        arn("bedrock", "application-inference-profile/*", region=region),
    ]


def models_on_bedrock(region: str) -> iam.PolicyStatement:
    """Ask Bedrock's models, in a region."""
    return iam.PolicyStatement(
        sid="BedrockTeachers", actions=["bedrock:InvokeModel"], resources=_models(region)
    )


def batches_on_bedrock() -> list[iam.PolicyStatement]:
    """Ask Bedrock's models in batches, beside the role that it assumes for one."""
    batches = arn("bedrock", "model-invocation-job/*")
    return [
        iam.PolicyStatement(
            sid="StartBedrockBatches",
            actions=["bedrock:CreateModelInvocationJob"],
            resources=[*_models(Aws.REGION), batches],
        ),
        iam.PolicyStatement(
            sid="TagBedrockBatches",
            actions=["bedrock:TagResource"],
            resources=[batches],
            conditions={"StringEquals": {f"aws:RequestTag/{STACK_TAG}": STACK_NAME}},
        ),
        iam.PolicyStatement(
            sid="BedrockBatches",
            actions=["bedrock:GetModelInvocationJob", "bedrock:StopModelInvocationJob"],
            resources=[batches],
            # Bedrock forgets the tags of a batch that has ended.
            conditions={"StringEqualsIfExists": {f"aws:ResourceTag/{STACK_TAG}": STACK_NAME}},
        ),
    ]


def teacher_keys(region: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="TeacherKeys",
        # Its tags say which hosts it may be sent to.
        actions=["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        resources=[arn("secretsmanager", f"secret:{PREFIX}/*", region=region)],
    )


def managed_mlflow(region: str) -> iam.PolicyStatement:
    """The calls of a training to SageMaker's managed MLflow, where its owner has tagged it for this
    stack.

    A spec names it, so the template cannot. An app asks for an action of its own.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_sagemaker-mlflow.html
    """
    return iam.PolicyStatement(
        sid="ManagedMlflow",
        actions=["sagemaker:CallMlflowAppApi", *(f"sagemaker-mlflow:{call}" for call in _MLFLOW)],
        resources=[
            arn("sagemaker", f"{kind}/*", region=region)
            for kind in ("mlflow-app", "mlflow-tracking-server")
        ],
        conditions={"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": STACK_NAME}},
    )


def _batch_role(scope: Construct, bucket: s3.IBucket, key: kms.IKey) -> iam.Role:
    """What Bedrock assumes to read a batch of questions and write its answers.

    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html
    """
    role = iam.Role(
        scope,
        "BatchRole",
        assumed_by=trusted("bedrock", arn("bedrock", "model-invocation-job/*")),
        description="What Bedrock may do in a batch of a Stratos training job",
    )
    for statement in (
        *read_objects(bucket, "runs/"),
        write_objects(bucket, "runs/*"),
        use_key(key),
        iam.PolicyStatement(
            # A model named by its inference profile is invoked under this role, in other regions.
            actions=["bedrock:InvokeModel"],
            resources=_models(Aws.REGION),
        ),
    ):
        role.add_to_policy(statement)
    return role
