"""Asynchronous endpoints: requests wait in a queue, and answers are fetched from the bucket.

Without requests there is no instance. https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any

from stratos.contracts.bucket import async_folder, s3_uri, split_uri
from stratos.contracts.plan import Server
from stratos.errors import EndpointNotFound, RequestFailed
from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.interface import Connection, Parts
from stratos.hosting.modes.on_endpoint import OnEndpoint, on_instances
from stratos.hosting.names import VARIANT
from stratos.hosting.offer import (
    Bound,
    Hosted,
    Offer,
    cold_start_seconds,
    latencies_asked,
    share_of_busy_hours,
    too_cold,
)
from stratos.hosting.scaling import queue_scaling
from stratos.waiting import growing, wait_until, within

_SYNCHRONOUS_SECONDS = 60
"""SageMaker gives up on a synchronous request after this long."""
_MOST_AT_ONCE = 1000
"""What SageMaker lets an instance be given at once."""
_QUEUE_SECONDS = 1.0
"""What the way through the bucket adds to an answer; assumed."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 1.0


class Asynchronous(OnEndpoint):
    """Fits users who can wait minutes, and fetch the answers."""

    name = "async"
    in_call = False

    def offer(self, hosted: Hosted) -> Offer:
        spec = hosted.spec
        cold_start = cold_start_seconds(hosted.instance_start_seconds, hosted)
        unwanted = too_cold(cold_start, spec.hosting)
        tolerated = spec.hosting.max_cold_start_seconds or 0.0
        if unwanted is None and tolerated <= _SYNCHRONOUS_SECONDS:
            unwanted = "its requests are not answered in the call"
        shortest = min(latencies_asked(spec.constraints), default=math.inf)
        return Offer(
            self.name,
            share_of_hours=share_of_busy_hours(spec.load),
            cold_start_seconds=cold_start,
            unwanted=unwanted,
            wanted_up_to=Bound(shortest - _QUEUE_SECONDS, "its queue may exceed the latency asked"),
            requests_per_second=spec.load.requests_per_second,
        )

    def told(self, server: Server) -> str:
        return f"{super().told(server)}, behind a queue"

    def deployment(self, parts: Parts) -> Deployment:
        order = parts.order
        folder = f"s3://{order.run.bucket}/{async_folder(order.spec.name)}"
        queue = {
            "OutputConfig": {
                "S3OutputPath": f"{folder}answers",
                "S3FailurePath": f"{folder}failures",
            },
            # No more than are answered at once: what waits had better wait where it is counted.
            "ClientConfig": {
                "MaxConcurrentInvocationsPerInstance": min(_MOST_AT_ONCE, parts.container.at_once)
            },
        }
        scaling = queue_scaling(order.spec, order.plan.serving, order.endpoint_name, VARIANT)
        return on_instances(parts, scaling, queue)

    def hosts(self, described: Mapping[str, Any]) -> bool:
        return bool(described.get("AsyncInferenceConfig"))

    def ask(self, connection: Connection, body: bytes) -> bytes:
        """Leave one request in the bucket, and wait for what comes of it there."""
        request = uuid.uuid4().hex
        key = f"{async_folder(connection.spec_name)}requests/{request}.json"
        connection.s3.put_object(Bucket=connection.bucket, Key=key, Body=body)
        accepted = connection.runtime.invoke_endpoint_async(
            EndpointName=connection.endpoint_name,
            InputLocation=s3_uri(connection.bucket, key),
            ContentType="application/json",
            InferenceId=request,
        )
        answer = wait_until(
            lambda: _answer(connection, accepted),
            lambda found: found is not None,
            deadline=within(connection.patience_seconds),
            pauses=growing(_FIRST_PAUSE_SECONDS, by=1.2, longest=_LONGEST_PAUSE_SECONDS),
        )
        if answer is None:
            raise EndpointNotFound(
                f"endpoint {connection.endpoint_name} gave no answer in "
                f"{connection.patience_seconds:.0f} s; it may still be starting, and will put "
                f"it at {accepted['OutputLocation']}"
            )
        return answer


MODE = Asynchronous()


def _answer(connection: Connection, accepted: Mapping[str, str]) -> bytes | None:
    """The answer to an accepted request; None while there is none.

    Raises:
        RequestFailed: the endpoint says why.
    """
    if (answer := _read(connection.s3, accepted["OutputLocation"])) is not None:
        return answer
    failure = accepted.get("FailureLocation")
    if failure and (reason := _read(connection.s3, failure)) is not None:
        raise RequestFailed(
            f"endpoint {connection.endpoint_name} failed: {reason.decode(errors='replace')}"
        )
    return None


def _read(s3: Any, uri: str) -> bytes | None:
    bucket, key = split_uri(uri)
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body
