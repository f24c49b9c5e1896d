"""The one decorator of every handler: it owns parsing, logging and dumping."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from aws_lambda_powertools import Logger
from pydantic import BaseModel

from stratos.errors import StratosError

Input = TypeVar("Input", bound=BaseModel)
Output = TypeVar("Output", bound=BaseModel)
LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]

logger = Logger()


def step(function: Callable[[Input], Output]) -> LambdaHandler:
    """Make a function over payload models a Lambda handler.

    The event is parsed as the function's annotated input. A domain error leaves with its class
    name, which Step Functions matches; anything else is logged with its stack trace first.
    """
    input_model = next(iter(get_type_hints(function).values()))

    @functools.wraps(function)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        payload = input_model.model_validate(event)
        run = getattr(payload, "run", None)
        logger.append_keys(
            run_id=getattr(run, "run_id", None),
            request_id=getattr(context, "aws_request_id", None),
            step=function.__module__.rpartition(".")[2],
        )
        logger.info("started")
        try:
            result = function(payload)
        except StratosError as error:
            logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
            raise
        except Exception:
            logger.exception("failed")
            raise
        logger.info("done")
        return result.model_dump(mode="json")

    return handler
