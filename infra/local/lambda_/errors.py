"""Errors of the Lambda API, answered to the client under their AWS names."""

from __future__ import annotations

from moto.awslambda.exceptions import LambdaClientError


class UnsupportedFunctionError(LambdaClientError):  # type: ignore[misc]
    """The function cannot run here at all."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRuntimeException", message)


class RoleNotAssumableError(LambdaClientError):  # type: ignore[misc]
    """The function's role is not there, or does not trust Lambda."""

    def __init__(self) -> None:
        super().__init__(
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        )


class TooManyRequestsError(LambdaClientError):  # type: ignore[misc]
    """As many invocations are running as the function's reserved concurrency allows."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class RequestTooLargeError(LambdaClientError):  # type: ignore[misc]
    """The payload is over the limit of its invocation type."""

    code = 413

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            "RequestTooLargeException",
            f"{size_bytes} byte payload is too large for this invocation type "
            f"(limit {limit_bytes} bytes)",
        )


class InvalidRequestContentError(LambdaClientError):  # type: ignore[misc]
    """The payload is no JSON."""

    def __init__(self, problem: ValueError) -> None:
        super().__init__(
            "InvalidRequestContentException", f"Could not parse request body into json: {problem}"
        )
