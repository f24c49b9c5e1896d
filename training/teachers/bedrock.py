"""Amazon Bedrock, one call at a time: the Converse API."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ParamValidationError,
    ReadTimeoutError,
)

from stratos.catalog.models import priced_card
from stratos.contracts.job_start import HOME_REGION
from stratos.errors import TeacherFailed
from stratos.spec import Bedrock
from training.teachers.converse import converse_input, inference_settings, read_answer
from training.teachers.metering import Meter, Prices
from training.teachers.parameters import Parameters
from training.teachers.service import Busy, Refused
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
        self._meter = Meter(spec.name, bedrock_prices(spec))
        self._parameters = bedrock_parameters(spec)
        self._client = client or boto3.client(
            "bedrock-runtime",
            region_name=os.environ.get(HOME_REGION),
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
        return self._meter.prices

    def call(self, request: Request) -> Completion:
        while True:
            sent = self._parameters.apply(inference_settings(request))
            try:
                answer = self._client.converse(
                    modelId=self._spec.model_id, **converse_input(request, sent)
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _RETRIED:
                    raise Busy(str(error)) from error
                if code != "ValidationException":
                    raise TeacherFailed(
                        f"{error}. Enable access to {self._spec.model_id} in this region's Bedrock "
                        "console, or pick another teacher"
                    ) from error
                if not self._parameters.learn(sent, str(error)):
                    raise Refused(str(error)) from error
            except ParamValidationError as error:
                raise Refused(str(error)) from error
            except ReadTimeoutError as error:
                raise Busy(str(error), billed=self._meter.at_most(request)) from error
            except BotoCoreError as error:
                raise Busy(f"{type(error).__name__}: {error}") from error
            else:
                return read_answer(answer, request, self._meter)


def bedrock_prices(spec: Bedrock, *, batch: bool = False) -> Prices:
    """Return what a model's tokens cost: as the spec says, else as the catalog does.

    Raises:
        LookupError: for a model without a known price.
    """
    card = priced_card(spec, batch=batch)
    return Prices(
        card.input_usd_per_million_tokens or 0.0, card.output_usd_per_million_tokens or 0.0
    )


def bedrock_parameters(spec: Bedrock) -> Parameters:
    """Return what is known of a model's parameters before it is asked: nothing."""
    return Parameters(spec.name, {}, ("temperature",))
