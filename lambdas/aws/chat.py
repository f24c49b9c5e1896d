"""Questions put to a live endpoint in the OpenAI chat schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from lambdas.aws.clients import client
from stratos.contracts.records import Record
from stratos.hosting.modes.asynchronous import AsyncEndpoint
from stratos.hosting.modes.batch import chat_request
from stratos.hosting.modes.scale_to_zero import ComponentEndpoint
from stratos.measuring.load import MAX_IN_FLIGHT, Reply
from stratos.scoring.verifiers import is_completion_correct, needs_gold
from stratos.spec import LlmJudge, Task

_READ_TIMEOUT_SECONDS = 65
"""SageMaker itself gives up on a container after 60."""
QUEUE_SECONDS = 300
"""How long a measurement waits for an answer from a queue."""

_CAPACITY_SECONDS = 60
"""How long a measurement waits for a copy that was said to be in service."""


def runtime_client() -> Any:
    """A client that never retries: a request that fails under load has failed."""
    config = Config(
        max_pool_connections=MAX_IN_FLIGHT,
        read_timeout=_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    return boto3.client("sagemaker-runtime", config=config)


def queue_before(endpoint_name: str, bucket: str, spec_name: str) -> AsyncEndpoint:
    """The queue of an asynchronous endpoint."""
    return AsyncEndpoint(
        endpoint_name=endpoint_name,
        bucket=bucket,
        spec_name=spec_name,
        s3=client("s3"),
        runtime=runtime_client(),
        patience_seconds=QUEUE_SECONDS,
    )


def component_of(endpoint_name: str) -> ComponentEndpoint:
    """The component of an endpoint that scales to zero; its copies run while it is measured."""
    return ComponentEndpoint(endpoint_name, runtime_client(), _CAPACITY_SECONDS)


@dataclass(frozen=True)
class Chat:
    """An endpoint that answers records, and how its answers are judged."""

    endpoint_name: str
    model_name: str
    task: Task
    max_tokens: int
    runtime: Any = field(default_factory=lambda: runtime_client())
    queue: AsyncEndpoint | None = None
    """Of an asynchronous endpoint, which answers through the bucket."""
    component: ComponentEndpoint | None = None
    """Of an endpoint that scales to zero."""

    def ask(self, record: Record, max_tokens: int | None = None) -> Reply:
        """Put one question.

        Args:
            max_tokens: Longest answer wanted; the task's own limit where left out.

        Raises:
            ClientError: when the endpoint refuses it or fails.
            EndpointNotFound: when an asynchronous one fails or gives no answer.
        """
        asked = self._body(record, max_tokens or self.max_tokens)
        body = json.loads(self._send(json.dumps(asked).encode()))
        text = body["choices"][0]["message"]["content"] or ""
        usage = body["usage"]
        correct = is_right(self.task, text, record)
        return Reply(usage["completion_tokens"], correct, usage["prompt_tokens"])

    def _send(self, body: bytes) -> bytes:
        if self.queue is not None:
            return self.queue.ask(body)
        if self.component is not None:
            return self.component.ask(body)
        answered = self.runtime.invoke_endpoint(
            EndpointName=self.endpoint_name,
            ContentType="application/json",
            Accept="application/json",
            Body=body,
        )
        answer: bytes = answered["Body"].read()
        return answer

    def _body(self, record: Record, max_tokens: int) -> dict[str, Any]:
        messages = (message.model_dump() for message in record.messages)
        return chat_request(messages, self.model_name, max_tokens)


def is_right(task: Task, text: str, record: Record) -> bool | None:
    """None where a rule cannot tell: load must not wait for another model's verdict."""
    if isinstance(task.verifier, LlmJudge):
        return None
    if record.gold is None and needs_gold(task.verifier):
        return None
    return is_completion_correct(task.verifier, text, record.gold, task.answer_marker)
