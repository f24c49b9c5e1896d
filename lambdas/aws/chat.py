"""Questions put to a live endpoint in the OpenAI chat schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from stratos.contracts.messages import calls_text
from stratos.contracts.records import Record
from stratos.errors import RequestFailed
from stratos.hosting.chat_request import Said, record_request, said_in
from stratos.hosting.deployment import AnyEndpoint
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.measuring.blame import blames_model
from stratos.measuring.load import MAX_IN_FLIGHT, BrokenAnswer, Reply
from stratos.scoring.reply import judge_reply
from stratos.scoring.verifiers import needs_gold
from stratos.spec import LlmJudge, Task, ToolCalls

_READ_TIMEOUT_SECONDS = 65
"""SageMaker itself gives up on a container after 60."""
QUEUE_SECONDS = 300
"""How long a measurement waits for an answer from a queue."""

_CAPACITY_SECONDS = 60
"""How long a measurement waits for a copy that SageMaker has reported in service."""
_OVERLOADED = (429, 503)
"""What a container answers that has too much to do."""


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
            BrokenAnswer: when the model answers with an error, or with what is no answer.
            ClientError: when the endpoint refuses it or does not answer in time.
            EndpointNotFound: when an asynchronous one gives no answer, or fails by its server.
        """
        asked = record_request(record, self.model_name, max_tokens or self.max_tokens)
        try:
            answer = self.ask_endpoint(json.dumps(asked).encode())
        except ClientError as error:
            if _is_of_the_model(error):
                raise BrokenAnswer(_told(error)) from error
            raise
        except RequestFailed as error:
            if blames_model(str(error)):
                raise BrokenAnswer(str(error)) from error
            raise
        try:
            body = json.loads(answer)
            said = said_in(body)
            written, read = body["usage"]["completion_tokens"], body["usage"]["prompt_tokens"]
        except (ValueError, LookupError, TypeError) as error:
            raise BrokenAnswer(f"no answer that can be read: {answer[:200]!r}") from error
        return Reply(written, is_right(self.task, said, record), read)


def _is_of_the_model(error: ClientError) -> bool:
    """Whether the container failed by itself, neither for want of time nor of capacity."""
    response: Mapping[str, Any] = error.response
    if error_code(error) != "ModelError" or response.get("OriginalStatusCode") in _OVERLOADED:
        return False
    return "timed out" not in str(error)


def _told(error: ClientError) -> str:
    """The container's own words, if SageMaker passes them on."""
    response: Mapping[str, Any] = error.response
    status, message = response.get("OriginalStatusCode"), response.get("OriginalMessage")
    return f"status {status}: {message}" if message else str(error)


def is_right(task: Task, said: Said, record: Record) -> bool | None:
    """Whether an answer is right; None where no rule can tell.

    A judge is not asked: load must not wait for another model.
    """
    if isinstance(task.verifier, LlmJudge):
        return None
    if record.gold is None and needs_gold(task.verifier):
        return None
    calls_count = isinstance(task.verifier, ToolCalls)
    return judge_reply(
        calls_text(said.calls) if calls_count else said.text,
        finished=said.finished,
        marker=task.answer_marker,
        verifier=task.verifier,
        gold=record.gold,
    ).is_right
