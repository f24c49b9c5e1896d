"""Questions to an endpoint that scales to zero: what it refuses while it starts is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stratos.errors import EndpointNotFound
from stratos.hosting.components import NO_CAPACITY

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0


@dataclass(frozen=True)
class ComponentEndpoint:
    """An endpoint whose model is in a component."""

    endpoint_name: str
    runtime: Any
    """boto3's `sagemaker-runtime`."""
    patience_seconds: float
    tell: Callable[[str], None] = lambda _: None
    """Is told once that the answer has to be waited for."""

    def ask(self, body: bytes) -> bytes:
        """Put a request; where no copy of the model is in service, until one is.

        The refusal itself is what starts an instance.

        Raises:
            EndpointNotFound: none was in service in time.
            ClientError: it is refused for another reason, or fails.
        """
        deadline = time.monotonic() + self.patience_seconds
        pause = _FIRST_PAUSE_SECONDS
        told = False
        while True:
            try:
                answered = self.runtime.invoke_endpoint(
                    EndpointName=self.endpoint_name,
                    InferenceComponentName=self.endpoint_name,
                    ContentType="application/json",
                    Accept="application/json",
                    Body=body,
                )
            except self.runtime.exceptions.ClientError as error:
                if not refused_for_capacity(error):
                    raise
                if time.monotonic() + pause > deadline:
                    raise EndpointNotFound(
                        f"endpoint {self.endpoint_name} has scaled to zero, and no instance was "
                        f"in service within {self.patience_seconds:.0f} s; it may still be "
                        "starting, so ask again in some minutes"
                    ) from error
            else:
                answer: bytes = answered["Body"].read()
                return answer
            if not told:
                told = True
                self.tell(
                    f"endpoint {self.endpoint_name} has scaled to zero and refused the request; "
                    f"an instance starts, which is waited for up to {self.patience_seconds:.0f} s"
                )
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)


def refused_for_capacity(error: Exception) -> bool:
    """Whether no copy of the component is in service, in which case one is started."""
    return "(ValidationError)" in str(error) and NO_CAPACITY in str(error)
