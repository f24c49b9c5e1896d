"""What a worker region stores: copies on their way, under a key of its own."""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.parts.storage import closed, log_key
from infra.permissions import names_of
from stratos.contracts.bucket import CHECKPOINT_PREFIX
from stratos.pipeline.worker_jobs import COPIES_KEPT_DAYS


class WorkerStorage(Construct):
    """The bucket and the key of a worker region.

    Neither stays when the stack is deleted. What the bucket holds came from home or is on its way
    there, and a bucket with a fixed name that stayed would keep the region from being a worker
    again. CloudFormation deletes no bucket that holds objects, so that nothing is lost by accident.
    """

    def __init__(self, scope: Construct, id: str, *, region: str, checkpoint_days: int) -> None:
        super().__init__(scope, id)
        names = names_of(self)
        self.key = log_key(
            self,
            alias=f"alias/{names.worker}",
            description="Stratos in a worker region: copies, checkpoints, notifications and logs",
            removal_policy=RemovalPolicy.DESTROY,
        )
        parts = Duration.days(2)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=names.worker_bucket(Aws.ACCOUNT_ID, region),
            removal_policy=RemovalPolicy.DESTROY,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="copies",
                    expiration=Duration.days(COPIES_KEPT_DAYS),
                    abort_incomplete_multipart_upload_after=parts,
                ),
                s3.LifecycleRule(
                    id="checkpoints",
                    prefix=CHECKPOINT_PREFIX,
                    expiration=Duration.days(min(checkpoint_days, COPIES_KEPT_DAYS)),
                    abort_incomplete_multipart_upload_after=parts,
                ),
            ],
            **closed(self.key),
        )
