"""Questions to an asynchronous endpoint: left in the bucket, and their answers fetched from it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from stratos.contracts.bucket import async_folder, s3_uri, split_uri
from stratos.errors import EndpointNotFound

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.02, 1.0


@dataclass(frozen=True)
class AsyncEndpoint:
    """An endpoint with a queue before it."""

    endpoint_name: str
    bucket: str
    spec_name: str
    s3: Any
    """boto3's `s3` and `sagemaker-runtime`."""
    runtime: Any
    patience_seconds: float

    def ask(self, body: bytes) -> bytes:
        """Put one request into the queue and wait for what comes of it.

        Raises:
            EndpointNotFound: it failed, or nothing came in time.
        """
        request = uuid.uuid4().hex
        key = f"{async_folder(self.spec_name)}requests/{request}.json"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        accepted = self.runtime.invoke_endpoint_async(
            EndpointName=self.endpoint_name,
            InputLocation=s3_uri(self.bucket, key),
            ContentType="application/json",
            InferenceId=request,
        )
        deadline = time.monotonic() + self.patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            if (answer := self._read(accepted["OutputLocation"])) is not None:
                return answer
            failure = accepted.get("FailureLocation")
            if failure and (reason := self._read(failure)) is not None:
                raise EndpointNotFound(
                    f"endpoint {self.endpoint_name} failed: {reason.decode(errors='replace')}"
                )
            if time.monotonic() > deadline:
                raise EndpointNotFound(
                    f"endpoint {self.endpoint_name} gave no answer in {self.patience_seconds:.0f} "
                    f"s; it may still be starting, and will put it at {accepted['OutputLocation']}"
                )
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.2)

    def _read(self, uri: str) -> bytes | None:
        bucket, key = split_uri(uri)
        try:
            body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None
        return body
