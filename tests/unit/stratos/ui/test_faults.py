"""What an error says to a person."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from stratos.errors import NotAllowed, RunNotFound, StackNotFound
from stratos.ui.faults import fault_of


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Scan")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status", "title", "passes"),
    [
        (refused("ExpiredTokenException"), 401, "Your credentials do not work", True),
        (NoCredentialsError(), 401, "Your credentials do not work", True),
        (
            caused(StackNotFound("no stack"), refused("ExpiredToken")),
            401,
            "Your credentials do not work",
            True,
        ),
        (refused("ThrottlingException"), 503, "AWS asks to slow down", True),
        (refused("AccessDeniedException"), 403, "Not allowed", False),
        (EndpointConnectionError(endpoint_url="http://x"), 502, "Nothing answers", True),
        (StackNotFound("no stack 'Stratos'"), 404, "No stack", False),
        (RunNotFound("no run"), 404, "Not found", False),
        (NotAllowed("reads only"), 409, "This cannot be done", False),
        (refused("ResourceNotFoundException"), 502, "AWS refused", False),
        (ParamValidationError(report="x"), 502, "AWS refused", False),
        (KeyError("x"), 500, "A fault of ours", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_has_a_page_of_its_own(error, status, title, passes):
    fault = fault_of(error)
    assert (fault.status, fault.title, fault.passes) == (status, title, passes)
    assert fault.text
