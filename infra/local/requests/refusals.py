"""Requests that AWS refuses for their form are refused here too.

moto checks a form only where someone thought of it. S3's model has few constraints; what S3
documents is checked apart. `InvokeEndpoint` is left out: its model is behind what SageMaker takes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.requests.quotas import quota_violation
from infra.local.requests.s3_form import mend_s3_form
from infra.local.requests.shape_constraints import violations

_UNCHECKED = frozenset({"s3", "sagemaker-runtime"})
_QUERY_PROTOCOLS = frozenset({"query", "ec2"})
_CODES = {"logs": "InvalidParameterException"}
"""Where a service has another name for it than ValidationException."""


class RefusedRequestError(Exception):
    """What moto writes as the service's error, by its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RequestValidation:
    """Seam: what a request may hold, before moto acts on it."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        original = BaseResponse.call_action

        def call(response: Any) -> Any:
            refusal = refused(response)
            if refusal is None:
                return original(response)
            status, headers, body = response.serialized(ActionResult(refusal))
            return status, headers | {"status": str(status)}, body

        self._patches.replace(BaseResponse, "call_action", call)
        mend_s3_form(self._patches)

    def close(self) -> None:
        self._patches.restore()


def refused(response: Any) -> RefusedRequestError | None:
    """Why this request is refused, or None."""
    service = response.boto3_service_name
    operation = _operation(service, response._get_action())
    if service in _UNCHECKED or operation is None or operation.input_shape is None:
        return None
    protocol = determine_request_protocol(
        operation.service_model, response.normalized_request.content_type
    )
    parameters = _parameters(response, operation, protocol)
    found = violations(operation.input_shape, parameters)
    if found:
        noun = "error" if len(found) == 1 else "errors"
        message = f"{len(found)} validation {noun} detected: {'; '.join(found)}"
        default = "ValidationError" if protocol in _QUERY_PROTOCOLS else "ValidationException"
        return RefusedRequestError(_CODES.get(service, default), message)
    quota = quota_violation(service, operation.name, parameters)
    return RefusedRequestError(quota.code, quota.message) if quota else None


def _parameters(response: Any, operation: OperationModel, protocol: str) -> dict[str, Any]:
    request = response.normalized_request
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": response.uri_match,
        }
    )
    return dict(parsed)


@lru_cache(maxsize=1024)
def _operation(service: str, action: str | None) -> OperationModel | None:
    model = get_service_model(service)
    if action not in model.operation_names:
        return None
    return model.operation_model(action)
