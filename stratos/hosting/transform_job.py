"""Batch transform jobs: a server that runs for as long as one batch of questions takes.

SageMaker starts a server with the model, gives it the lines of an object one at a time, and puts
the answers, line by line, into another object.
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stratos.catalog.images import LOCAL_PREFIX, runtime_of
from stratos.contracts.bucket import s3_uri
from stratos.contracts.plan import Server
from stratos.frozen import FrozenModel

BATCH_STRATEGY, SPLIT_TYPE = "SingleRecord", "Line"
"""A request for each line."""
BATCH_TAG = "stratos:batch"
"""On a job that `stratos batch` started, for somebody who waits for the answers."""

_MIB_AT_ONCE = 96
"""Of the requests under way together; SageMaker allows 100 MB."""
_REQUEST_SECONDS, _REQUEST_RETRIES = 900, 1
_FAMILIES = frozenset(
    (
        *("g4dn", "g5", "g6", "g6e", "inf2", "p2", "p3", "trn1"),
        *("c4", "c5", "c6i", "c7i", "m4", "m5", "m6i", "m7i", "r6i", "r7i"),
    )
)
_UNAVAILABLE = frozenset({"ml.c5.large"})
_GPU_AMI = "al2-ami-sagemaker-batch-gpu-535"
"""The newest driver that SageMaker has for these jobs, whatever the CUDA of the image: a newer CUDA
needs the libraries for older drivers that AWS puts into its images."""


class TransformJob(FrozenModel):
    """A batch transform job to run. Maps are in the shape of the CreateTransformJob request."""

    name: str
    model_name: str
    transform_input: dict[str, Any]
    transform_output: dict[str, Any]
    transform_resources: dict[str, Any]
    model_client_config: dict[str, int]
    max_concurrent_transforms: int
    max_payload_in_mb: int
    environment: dict[str, str]
    tags: list[dict[str, str]]
    usd_per_hour: float

    def request(self) -> dict[str, Any]:
        """CreateTransformJob."""
        return {
            "TransformJobName": self.name,
            "ModelName": self.model_name,
            "BatchStrategy": BATCH_STRATEGY,
            "TransformInput": self.transform_input,
            "TransformOutput": self.transform_output,
            "TransformResources": self.transform_resources,
            "ModelClientConfig": self.model_client_config,
            "MaxConcurrentTransforms": self.max_concurrent_transforms,
            "MaxPayloadInMB": self.max_payload_in_mb,
            "Environment": self.environment,
            "Tags": self.tags,
        }

    def asking(
        self, name: str, bucket: str, questions_key: str, answers_prefix: str
    ) -> TransformJob:
        """The same server under another name, with other questions."""
        source = {"S3DataType": "S3Prefix", "S3Uri": s3_uri(bucket, questions_key)}
        answers = {"S3OutputPath": s3_uri(bucket, answers_prefix)}
        return self.model_copy(
            update={
                "name": name,
                "transform_input": {
                    **self.transform_input,
                    "DataSource": {"S3DataSource": source},
                },
                "transform_output": self.transform_output | answers,
            }
        )


def transforms_on(instance_type: str) -> bool:
    """Whether SageMaker runs batch transform jobs on an instance type.

    By its API model's TransformInstanceType; a test compares both.
    """
    family = instance_type.split(".")[1]
    offered = family in _FAMILIES and instance_type not in _UNAVAILABLE
    return offered or instance_type.startswith(LOCAL_PREFIX)


def transform_job(
    name: str,
    server: Server,
    at_once: int,
    bucket: str,
    questions_key: str,
    answers_prefix: str,
    tags: list[dict[str, str]],
    *,
    kms_key_arn: str | None,
) -> TransformJob:
    """The job that asks a model of that name, on one server of the plan.

    One object of questions is one server's work, so more servers would stand idle.

    Args:
        at_once: Requests that the server answers at once.
    """
    resources: dict[str, Any] = {"InstanceType": server.instance_type, "InstanceCount": 1}
    if runtime_of(server.instance_type) == "cuda":
        resources["TransformAmiVersion"] = _GPU_AMI
    at_once = min(_MIB_AT_ONCE, at_once)
    encryption = {} if kms_key_arn is None else {"KmsKeyId": kms_key_arn}
    return TransformJob(
        name=name,
        model_name=name,
        transform_input={"ContentType": "application/json", "SplitType": SPLIT_TYPE},
        transform_output={"Accept": "application/json", "AssembleWith": "Line", **encryption},
        transform_resources=resources,
        model_client_config={
            "InvocationsTimeoutInSeconds": _REQUEST_SECONDS,
            "InvocationsMaxRetries": _REQUEST_RETRIES,
        },
        max_concurrent_transforms=at_once,
        max_payload_in_mb=_MIB_AT_ONCE // at_once,
        environment={},
        tags=tags,
        usd_per_hour=server.usd_per_hour / server.count,
    ).asking(name, bucket, questions_key, answers_prefix)


def billed_seconds(described: Mapping[str, Any], now: datetime) -> float:
    """Seconds on the bill of a job, by DescribeTransformJob; until now of one that goes on."""
    if (start := described.get("TransformStartTime")) is None:
        return 0.0
    end = described.get("TransformEndTime") or now
    return max(0.0, float((end - start).total_seconds()))
