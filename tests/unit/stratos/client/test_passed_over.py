"""What an error says of the region that it came from."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)

from stratos.client.passed_over import is_unanswered, verdict_on
from tests.unit.stratos.client.served_regions import refusal, unreached

URL = "https://runtime.sagemaker.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (unreached("sagemaker-runtime", "eu-west-1"), "region"),
        (ConnectTimeoutError(endpoint_url=URL), "region"),
        (ReadTimeoutError(endpoint_url=URL), "region"),
        (ConnectionClosedError(endpoint_url=URL), "region"),
        (refusal("ServiceUnavailable", status=503), "region"),
        (refusal("ThrottlingException", "Rate exceeded"), "region"),
        (refusal("ModelNotReadyException", status=429), "region"),
        (refusal("ModelError", status=424, OriginalStatusCode=500), "region"),
        (refusal("ModelError", status=424, OriginalStatusCode=429), "region"),
        (refusal("ModelError", status=424, OriginalStatusCode=0), "region"),
        (refusal("ModelError", status=424, OriginalStatusCode=400), "refused"),
        (refusal("ValidationError", "Endpoint e of account 1 not found."), "gone"),
        (refusal("ValidationError", "body is too long"), "doubtful"),
        (refusal("PayloadTooLarge", status=413), "refused"),
        (refusal("AccessDeniedException", status=403), "refused"),
        (NoCredentialsError(), "refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_says_who_is_at_fault(error, verdict):
    assert verdict_on(error) == verdict


def test_no_error_is_no_silence():
    assert not is_unanswered(None)
    assert not is_unanswered(refusal("AccessDenied", status=403))
