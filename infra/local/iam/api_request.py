"""A request as the policies see it: service, operation and what it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.routing import get_service_router

_NAMELESS_BODIES = frozenset({"s3", "lambda", "sagemaker-runtime", "bedrock-runtime", "xray"})
"""Services whose paths and headers say what is asked for; their bodies may be long."""

_S3_OPERATIONS: dict[tuple[object, ...], str] = {}
"""Operations of S3 by all that tells them apart: method, depth, query and the header of a copy."""


@dataclass(frozen=True)
class ApiRequest:
    """One request to the embedded cloud.

    Attributes:
        service: As boto3 names it.
        operation: As botocore's model names it, such as `CreateTrainingJob`.
        parameters: What is asked for, by the model's names; of some services without the body.
        headers: Of the request, by names of any case.
        body: As it was sent.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes | str
    account: str
    region: str

    @classmethod
    def of(cls, response: Any) -> ApiRequest:
        """Read what moto is about to answer, from its response object."""
        service: str = response.boto3_service_name
        if service == "s3":
            operation, parameters = _of_s3(response.normalized_request)
        elif response.automated_parameter_parsing:
            operation = response._get_action() or ""
            parameters = getattr(response, "params", {})
        elif "x-amz-target" in response.headers:
            operation = response._get_action()
            parameters = _body_parameters(response.body)
        else:
            operation, parameters = _routed(service, response)
            if service not in _NAMELESS_BODIES:
                parameters = {**_body_parameters(response.body), **parameters}
        return cls(
            service=service,
            operation=operation,
            parameters=parameters,
            headers=response.headers,
            body=response.body,
            account=response.current_account,
            region=response.region,
        )

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def get(self, name: str) -> str:
        """A parameter as text, empty where it was not given."""
        found = self.parameters.get(name)
        return "" if found is None else str(found)


def _of_s3(request: Any) -> tuple[str, dict[str, Any]]:
    """Operation and parameters of S3, whose many paths take moto's router a millisecond."""
    bucket, _, key = request.path[1:].partition("/")
    query = request.args.to_dict()
    shape = (
        request.method,
        bool(bucket),
        bool(key),
        tuple(sorted(query)),
        query.get("list-type"),
        "x-amz-copy-source" in request.headers,
    )
    operation = _S3_OPERATIONS.get(shape)
    if operation is None:
        operation = _S3_OPERATIONS[shape] = _matched("s3", request)[0]
    return operation, {**query, "Bucket": bucket, "Key": key}


def _routed(service: str, response: Any) -> tuple[str, dict[str, Any]]:
    """Operation and parameters of the request's path and query, by the service's model."""
    operation, named = _matched(service, response.normalized_request)
    return operation, {**response.normalized_request.args.to_dict(), **named}


def _matched(service: str, request: Any) -> tuple[str, dict[str, Any]]:
    try:
        operation, named = get_service_router(service).match(request)
    except Exception:  # moto's router raises what werkzeug does, and more
        return f"{request.method} {request.path}", {}
    return str(operation.name), dict(named)


def _body_parameters(body: bytes | str) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
