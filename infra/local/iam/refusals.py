"""A refused request, answered as the service's protocol has it."""

from __future__ import annotations

import json
import uuid
from typing import Any
from xml.sax.saxutils import escape

from werkzeug import Response

_REST = frozenset(
    {"lambda", "scheduler", "sagemaker-runtime", "bedrock", "bedrock-runtime", "xray"}
)
"""Services whose refusals have the status 403 and name the error in a header."""
_CODES = {"cloudwatch": "AccessDenied", "sqs": "AccessDenied", "sns": "AuthorizationError"}
"""Codes of services that do not say AccessDeniedException."""
_QUERY = frozenset({"sns", "sts", "iam", "cloudformation"})


def refused(service: str, method: str, message: str) -> Response:
    """What AWS answers to a request that the policies do not allow."""
    request_id = str(uuid.uuid4())
    if service == "s3":
        return _s3(method, 403, "AccessDenied", message, request_id)
    code = _CODES.get(service, "AccessDeniedException")
    if service in _QUERY:
        return _query(code, message, request_id)
    queried = code if service in _CODES else None
    return _json(service, code, message, request_id, queried)


def unrecognized(service: str, method: str, hint: str = "") -> Response:
    """What AWS answers to credentials that it did not give.

    https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html

    Args:
        hint: Put behind AWS's words.
    """
    request_id = str(uuid.uuid4())
    if service == "s3":
        message = "The provided token is malformed or otherwise invalid."
        return _s3(method, 400, "InvalidToken", message + hint, request_id)
    code = "InvalidClientTokenId"
    message = f"The security token included in the request is invalid.{hint}"
    if service in _QUERY:
        return _query(code, message, request_id)
    return _json(service, "UnrecognizedClientException", message, request_id, code)


def not_kept(service: str, method: str, message: str) -> Response:
    """The answer to a request whose change the embedded cloud had no room for."""
    request_id = str(uuid.uuid4())
    if service == "s3":
        return _s3(method, 507, "InsufficientStorage", message, request_id)
    if service in _QUERY:
        return _query("ServiceUnavailable", message, request_id)
    return _json(service, "ServiceUnavailable", message, request_id, None)


def damaged(message: str) -> Response:
    """S3's answer where the content of an object is not what was put; asking again is no help."""
    return _s3("GET", 410, "DamagedObject", message, str(uuid.uuid4()))


def _json(service: str, code: str, message: str, request_id: str, queried: str | None) -> Response:
    """
    Args:
        queried: The error's code in the query protocol, for services that once had it.
    """
    headers = {"x-amzn-RequestId": request_id}
    if service in _REST:
        headers["x-amzn-ErrorType"] = code
        return _json_body(403, {"Message": message}, headers)
    if service in _CODES and queried:
        headers["x-amzn-query-error"] = f"{queried};Sender"
    status = 403 if service in _CODES else 400
    return _json_body(status, {"__type": code, "Message": message, "message": message}, headers)


def _s3(method: str, status: int, code: str, message: str, request_id: str) -> Response:
    """XML; to HEAD no body, so that a client sees the status alone."""
    body = "" if method == "HEAD" else _xml_error(code, message, request_id)
    return Response(body, status, {"x-amz-request-id": request_id}, content_type="application/xml")


def _xml_error(code: str, message: str, request_id: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )


def _query(code: str, message: str, request_id: str) -> Response:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(message)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Response(body, 403, {"x-amzn-RequestId": request_id}, content_type="text/xml")


def _json_body(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/x-amz-json-1.1")
