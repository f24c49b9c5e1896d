"""Questions put to a live endpoint in the OpenAI chat schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from lambdas.aws.clients import client
from stratos.contracts.records import Record
from stratos.hosting.chat_request import chat_request
from stratos.hosting.deployment import AnyEndpoint
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.measuring.load import MAX_IN_FLIGHT, Reply
from stratos.scoring.verifiers import is_completion_correct, needs_gold
from stratos.spec import LlmJudge, Task

_READ_TIMEOUT_SECONDS = 65
"""SageMaker itself gives up on a container after 60."""
QUEUE_SECONDS = 300
"""How long a measurement waits for an answer from a queue."""

_CAPACITY_SECONDS = 60
"""How long a measurement waits for a copy that SageMaker has reported in service."""


def runtime_client() -> Any:
    """A client that never retries: a request that fails under load has failed."""
    config = Config(
        max_pool_connections=MAX_IN_FLIGHT,
        read_timeout=_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    return boto3.client("sagemaker-runtime", config=config)


def connection_to(deployment: AnyEndpoint, bucket: str, spec_name: str) -> Connection:
    """How a measurement reaches an endpoint."""
    in_call = mode_named(deployment.hosting.mode).in_call
    return Connection(
        endpoint_name=deployment.endpoint_name,
        spec_name=spec_name,
        bucket=bucket,
        runtime=runtime_client(),
        s3=client("s3"),
        patience_seconds=_CAPACITY_SECONDS if in_call else QUEUE_SECONDS,
    )


@dataclass(frozen=True)
class Chat:
    """An endpoint that answers records, and how its answers are judged."""

    ask_endpoint: Callable[[bytes], bytes]
    """Sends a request and returns its answer, in the way of the endpoint's mode."""
    model_name: str
    task: Task
    max_tokens: int

    def ask(self, record: Record, max_tokens: int | None = None) -> Reply:
        """Ask one question.

        Args:
            max_tokens: Longest answer wanted; the task's own limit if omitted.

        Raises:
            ClientError: when the endpoint refuses it or fails.
            EndpointNotFound: when an asynchronous one fails or gives no answer.
        """
        asked = self._body(record, max_tokens or self.max_tokens)
        body = json.loads(self.ask_endpoint(json.dumps(asked).encode()))
        text = body["choices"][0]["message"]["content"] or ""
        usage = body["usage"]
        correct = is_right(self.task, text, record)
        return Reply(usage["completion_tokens"], correct, usage["prompt_tokens"])

    def _body(self, record: Record, max_tokens: int) -> dict[str, Any]:
        messages = (message.model_dump() for message in record.messages)
        return chat_request(messages, self.model_name, max_tokens)


def is_right(task: Task, text: str, record: Record) -> bool | None:
    """Whether an answer is right; None where no rule can tell.

    A judge is not asked: load must not wait for another model.
    """
    if isinstance(task.verifier, LlmJudge):
        return None
    if record.gold is None and needs_gold(task.verifier):
        return None
    return is_completion_correct(task.verifier, text, record.gold, task.answer_marker)
