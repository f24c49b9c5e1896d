"""Endpoints of tests that have a queue."""

from __future__ import annotations

from endpoint_models import create_config, settled
from sagemaker_cloud import BUCKET

from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named

QUEUE = {
    "OutputConfig": {
        "S3OutputPath": f"s3://{BUCKET}/async/tiles/answers",
        "S3FailurePath": f"s3://{BUCKET}/async/tiles/failures",
    },
    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 8},
}


def create(cloud, name, **config):
    create_config(cloud, name, **config)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = settled(cloud, name)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    return described


def ask_queue(cloud, name, body, patience_seconds=20.0):
    connection = Connection(
        endpoint_name=name,
        spec_name="tiles",
        bucket=BUCKET,
        runtime=cloud.client("sagemaker-runtime"),
        s3=cloud.s3,
        patience_seconds=patience_seconds,
    )
    return mode_named("async").ask(connection, body)
