"""What went wrong, for a person: a title, what to do, and whether asking again can help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from stratos.errors import NotFound, StackNotFound, StratosError

EXPIRED = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)
THROTTLED = frozenset(
    (
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    )
)
DENIED = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))


@dataclass(frozen=True)
class Fault:
    """A page in place of the one that was asked for.

    Attributes:
        status: Of HTTP.
        command: What to type; empty where nothing is.
        passes: Asking again in a while may help.
    """

    status: int
    title: str
    text: str
    command: str = ""
    passes: bool = False


def fault_of(error: Exception) -> Fault:
    """What an error of AWS, or of ours, says to a person."""
    causes = list(_causes(error))
    codes = {str(one.response["Error"]["Code"]) for one in causes if isinstance(one, ClientError)}
    if codes & EXPIRED or any(
        isinstance(one, NoCredentialsError | SSOError | TokenRetrievalError) for one in causes
    ):
        return Fault(
            401,
            "Your credentials do not work",
            f"AWS knows them no more, or there are none ({causes[-1]}). Sign in again, then load "
            "this page again: the server need not be restarted.",
            command="aws sso login",
            passes=True,
        )
    if codes & THROTTLED:
        text = "AWS takes no more requests just now. The page asks again by itself."
        return Fault(503, "AWS asks to slow down", text, passes=True)
    if codes & DENIED:
        text = f"Your credentials lack a right that this page needs. {causes[-1]}"
        return Fault(403, "Not allowed", text)
    if any(isinstance(one, NoConnectionError | HTTPClientError) for one in causes):
        return Fault(502, "Nothing answers", str(error), passes=True)
    match error:
        case StackNotFound():
            return Fault(404, "No stack", str(error))
        case NotFound():
            return Fault(404, "Not found", str(error))
        case StratosError():
            return Fault(409, "This cannot be done", str(error))
        case ClientError() | BotoCoreError():
            return Fault(502, "AWS refused", str(error))
        case _:
            return Fault(500, "A fault of ours", f"{type(error).__name__}: {error}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
