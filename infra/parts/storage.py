"""What outlives a run: the bucket, the runs table, and the key that encrypts both."""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.permissions import names_of
from stratos.contracts.bucket import ASYNC_DAYS, ASYNC_PREFIX, CHECKPOINT_PREFIX


class DataStores(Construct):
    """Bucket, runs table and key. All three stay when the stack is deleted."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.key = _key(self)
        self.bucket = _bucket(self, self.key)
        self.runs_table = _runs_table(self, self.key)


def _key(scope: Construct) -> kms.Key:
    key = kms.Key(
        scope,
        "Key",
        alias=f"alias/{names_of(scope).prefix}",
        description="Stratos: specs, datasets, models, run records, notifications and logs",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.RETAIN,
    )
    # CloudWatch Logs uses the key itself; unlike other services it needs to be named.
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            actions=[
                "kms:Encrypt*",
                "kms:Decrypt*",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
                "kms:Describe*",
            ],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
                    )
                }
            },
        )
    )
    return key


def _bucket(scope: Construct, key: kms.IKey) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        "Bucket",
        versioned=True,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=_lifecycle_rules(),
    )
    # `event_bridge_enabled` on the bucket would add a custom resource and its Lambda for
    # what CloudFormation does by itself.
    cfn_bucket = bucket.node.default_child
    assert isinstance(cfn_bucket, s3.CfnBucket)
    cfn_bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
    return bucket


def _lifecycle_rules() -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="overwritten",
            prefix="runs/",
            noncurrent_version_expiration=Duration.days(7),
            abort_incomplete_multipart_upload_after=Duration.days(2),
        ),
        s3.LifecycleRule(
            id="checkpoints",
            prefix=CHECKPOINT_PREFIX,
            # A job resumes within its run, whose training is over long before.
            expiration=Duration.days(14),
            noncurrent_version_expiration=Duration.days(1),
            abort_incomplete_multipart_upload_after=Duration.days(2),
        ),
        s3.LifecycleRule(
            id="queues",
            prefix=ASYNC_PREFIX,
            # Whoever asked has long fetched the answer: SageMaker waits 6 hours at most.
            expiration=Duration.days(ASYNC_DAYS),
            noncurrent_version_expiration=Duration.days(1),
            abort_incomplete_multipart_upload_after=Duration.days(2),
        ),
    ]


def _runs_table(scope: Construct, key: kms.IKey) -> dynamodb.Table:
    table = dynamodb.Table(
        scope,
        "Runs",
        partition_key=_text("run_id"),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=RemovalPolicy.RETAIN,
    )
    table.add_global_secondary_index(
        index_name="by_execution", partition_key=_text("execution_arn")
    )
    table.add_global_secondary_index(
        index_name="by_spec", partition_key=_text("spec_key"), sort_key=_text("started_at")
    )
    return table


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
