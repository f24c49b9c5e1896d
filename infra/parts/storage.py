"""What outlives a run: the bucket, the runs table, and the key that encrypts both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.permissions import names_of
from stratos.contracts.bucket import (
    ASYNC_DAYS,
    ASYNC_PREFIX,
    CATALOG_PREFIX,
    CHECKPOINT_PREFIX,
    RECORDS_TAG,
    RUNS_PREFIX,
    SPEC_PREFIX,
)

_SHORTEST_RECORD_DAYS = 30
"""A run needs its records until its end: it may train, wait for a person and for its turn."""
_SHORTEST_CHECKPOINT_DAYS = 7


@dataclass(frozen=True)
class Retention:
    """For how many days what is in the bucket stays there.

    Raises:
        ValueError: A run would lose what it needs, or a version has no time at all.
    """

    record_days: int
    """Of splits, and of what was made of them to train on; 0 is until somebody deletes them."""
    upload_days: int
    """Of specs, datasets and models as uploaded; 0 is until somebody deletes them."""
    checkpoint_days: int
    version_days: int
    """Of what was overwritten or deleted, from then on."""

    def __post_init__(self) -> None:
        for name, days, shortest, endless in (
            ("record", self.record_days, _SHORTEST_RECORD_DAYS, True),
            ("upload", self.upload_days, _SHORTEST_RECORD_DAYS, True),
            ("checkpoint", self.checkpoint_days, _SHORTEST_CHECKPOINT_DAYS, False),
            ("version", self.version_days, 1, False),
        ):
            if days < shortest and not (endless and days == 0):
                ever = ", or 0 to keep them until they are deleted" if endless else ""
                raise ValueError(
                    f"stratos:{name}_retention_days is {days}; give at least {shortest}{ever}"
                )


class DataStores(Construct):
    """Bucket, runs table and key. All three stay when the stack is deleted."""

    def __init__(self, scope: Construct, id: str, *, retention: Retention) -> None:
        super().__init__(scope, id)
        self.key = log_key(
            self,
            alias=f"alias/{names_of(self).prefix}",
            description="Stratos: specs, datasets, models, run records, notifications and logs",
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.bucket = _bucket(self, self.key, retention)
        self.runs_table = _runs_table(self, self.key)


def log_key(
    scope: Construct, *, alias: str, description: str, removal_policy: RemovalPolicy
) -> kms.Key:
    """A key for all that a stack stores, its logs too."""
    key = kms.Key(
        scope,
        "Key",
        alias=alias,
        description=description,
        enable_key_rotation=True,
        removal_policy=removal_policy,
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


def _bucket(scope: Construct, key: kms.IKey, retention: Retention) -> s3.Bucket:
    bucket = s3.Bucket(
        scope,
        "Bucket",
        versioned=True,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=_lifecycle_rules(retention),
        **closed(key),
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


def closed(key: kms.IKey) -> Any:
    """Of a bucket: encrypted by the key, over TLS only, and nobody's but the account's."""
    return {
        "encryption": s3.BucketEncryption.KMS,
        "encryption_key": key,
        "bucket_key_enabled": True,
        "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
        "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        "enforce_ssl": True,
    }


def _lifecycle_rules(retention: Retention) -> list[s3.LifecycleRule]:
    versions = Duration.days(retention.version_days)
    parts: Any = {"abort_incomplete_multipart_upload_after": Duration.days(2)}
    rules = [
        s3.LifecycleRule(
            id="overwritten",
            prefix=RUNS_PREFIX,
            noncurrent_version_expiration=versions,
            **parts,
        ),
        s3.LifecycleRule(
            id="uploads",
            prefix=SPEC_PREFIX,
            expiration=Duration.days(retention.upload_days) if retention.upload_days else None,
            noncurrent_version_expiration=versions,
            **parts,
        ),
        s3.LifecycleRule(
            id="catalog", prefix=CATALOG_PREFIX, noncurrent_version_expiration=versions
        ),
        s3.LifecycleRule(
            id="checkpoints",
            prefix=CHECKPOINT_PREFIX,
            # A job resumes within its run, whose training is over long before.
            expiration=Duration.days(retention.checkpoint_days),
            noncurrent_version_expiration=Duration.days(1),
            **parts,
        ),
        s3.LifecycleRule(
            id="queues",
            prefix=ASYNC_PREFIX,
            # Whoever asked has long fetched the answer: SageMaker waits 6 hours at most.
            expiration=Duration.days(ASYNC_DAYS),
            noncurrent_version_expiration=Duration.days(1),
            **parts,
        ),
    ]
    if retention.record_days:
        tag, value = RECORDS_TAG
        rules.append(
            s3.LifecycleRule(
                id="records",
                prefix=RUNS_PREFIX,
                tag_filters={tag: value},
                expiration=Duration.days(retention.record_days),
            )
        )
    return rules


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
