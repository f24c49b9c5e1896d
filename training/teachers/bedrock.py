"""Amazon Bedrock, one call at a time: the Converse API."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stratos.catalog.models import bedrock_card
from stratos.errors import TeacherFailed
from stratos.spec import Bedrock
from training.teachers.service import Busy, Prices, Refused
from training.teachers.teacher import Completion, Request

_RETRIED = frozenset(
    {
        "ThrottlingException",
        "ModelTimeoutException",
        "InternalServerException",
        "ServiceUnavailableException",
        "ModelNotReadyException",
        "ModelErrorException",
    }
)
_REFUSED_STOPS = frozenset(
    {"guardrail_intervened", "content_filtered", "model_context_window_exceeded"}
)


class BedrockService:
    """Calls Converse. Our own back-off replaces botocore's, which knows no budget."""

    def __init__(self, spec: Bedrock, client: Any = None, *, connections: int = 16) -> None:
        """Set up.

        Args:
            client: A `bedrock-runtime` client; made from the environment if omitted.

        Raises:
            LookupError: for a model without a known price.
        """
        self._spec = spec
        card = bedrock_card(spec.model_id)
        self._prices = Prices(
            card.input_usd_per_million_tokens or 0.0, card.output_usd_per_million_tokens or 0.0
        )
        self._client = client or boto3.client(
            "bedrock-runtime",
            config=Config(
                retries={"total_max_attempts": 1},
                max_pool_connections=connections,
                read_timeout=300,
            ),
        )

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def prices(self) -> Prices:
        return self._prices

    def call(self, request: Request) -> Completion:
        try:
            answer = self._client.converse(modelId=self._spec.model_id, **converse_input(request))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _RETRIED:
                raise Busy(str(error)) from error
            if code == "ValidationException":
                raise Refused(str(error)) from error
            raise TeacherFailed(
                f"{error}. Enable access to {self._spec.model_id} in this region's Bedrock "
                "console, or pick another teacher"
            ) from error
        except BotoCoreError as error:
            raise Busy(f"{type(error).__name__}: {error}") from error
        return read_answer(answer, self._prices)


def converse_input(request: Request) -> dict[str, Any]:
    """Return a request as Converse takes it, without the model."""
    system = [{"text": one.content} for one in request.messages if one.role == "system"]
    turns = [
        {"role": one.role, "content": [{"text": one.content}]}
        for one in request.messages
        if one.role != "system"
    ]
    settings = {"maxTokens": request.max_new_tokens, "temperature": min(request.temperature, 1.0)}
    asked: dict[str, Any] = {"messages": turns, "inferenceConfig": settings}
    return asked | ({"system": system} if system else {})


def read_answer(answer: Any, prices: Prices) -> Completion:
    """Return what Converse answered.

    Raises:
        Refused: when a filter withheld it.
        Busy: when it holds no text.
    """
    reason = answer.get("stopReason")
    if reason in _REFUSED_STOPS:
        raise Refused(f"Bedrock ended the answer with {reason}")
    blocks = answer["output"]["message"]["content"]
    text = "".join(block["text"] for block in blocks if "text" in block)
    if not text:
        raise Busy(f"the answer holds no text, only {[sorted(block) for block in blocks]}")
    prompt, completion = answer["usage"]["inputTokens"], answer["usage"]["outputTokens"]
    return Completion(
        text.strip(),
        reason != "max_tokens",
        prompt,
        completion,
        prices.cost(prompt, completion),
    )
