"""What a model needs to answer: its place in the registry, and the roles it is served under."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.permissions import (
    PREFIX,
    names_of,
    read_objects,
    run_container,
    trusted_sagemaker,
    use_alarms,
    use_key,
    write_container_logs,
    write_objects,
)

REPOSITORIES = ("llama-cpp", "llama-cpp-arm64", "vllm", "huggingface-pytorch-inference")
"""Of the images that `stratos.catalog.images` picks for serving; the last one is of models that
are in service from before, whose fleets grow and are put back."""


class Endpoints(Construct):
    """The model package group, and the roles of models in service."""

    def __init__(self, scope: Construct, id: str, *, bucket: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.packages = sagemaker.CfnModelPackageGroup(
            self,
            "Packages",
            model_package_group_name=names_of(self).prefix,
            model_package_group_description="Models distilled by Stratos, with what they measured",
        )
        self.role = _role(self, "Role", "What a model served by Stratos may do", bucket, key)
        self.queue_role = _role(
            self, "QueueRole", "What a model that is asked through the bucket may do", bucket, key
        )
        for statement in (
            *read_objects(bucket, "async/"),
            write_objects(bucket, "async/*/answers/*", "async/*/failures/*"),
        ):
            self.queue_role.add_to_policy(statement)


class WorkerEndpoints(Construct):
    """The role of models in service in a worker region, where their files are among the copies."""

    def __init__(self, scope: Construct, id: str, *, bucket: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.role = _served_role(self, "Role", "What a model served here may do", bucket, key)


class Batches(Construct):
    """The role of models that are asked in batches."""

    def __init__(self, scope: Construct, id: str, *, bucket: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=trusted_sagemaker(),
            description="What a model that is asked in batches may do",
        )
        for statement in (
            *run_container("/aws/sagemaker/TransformJobs", repositories=REPOSITORIES),
            *read_objects(bucket, "runs/"),
            write_objects(bucket, "runs/*/batches/*/answers/*"),
            use_key(key),
        ):
            self.role.add_to_policy(statement)


def _role(
    scope: Construct, id: str, description: str, bucket: s3.IBucket, key: kms.IKey
) -> iam.Role:
    """Of models at home, which may be in components and are updated under alarms."""
    role = _served_role(scope, id, description, bucket, key)
    for statement in (
        write_container_logs(f"/aws/sagemaker/InferenceComponents/{PREFIX}-*"),
        use_alarms("DescribeAlarms"),  # SageMaker reads the alarms of an update under it
    ):
        role.add_to_policy(statement)
    return role


def _served_role(
    scope: Construct, id: str, description: str, bucket: s3.IBucket, key: kms.IKey
) -> iam.Role:
    role = iam.Role(scope, id, assumed_by=trusted_sagemaker(), description=description)
    for statement in (
        *run_container(f"/aws/sagemaker/Endpoints/{PREFIX}-*", repositories=REPOSITORIES),
        *read_objects(bucket, "runs/"),
        use_key(key),
    ):
        role.add_to_policy(statement)
    return role
