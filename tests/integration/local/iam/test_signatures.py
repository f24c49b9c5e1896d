"""Who signed a request."""

from __future__ import annotations

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from infra.local.iam.sessions import Session
from infra.local.iam.signatures import access_key_of, session_of

ROLE = "arn:aws:iam::123456789012:role/Training"


def request(headers: dict[str, str] | None = None, **query: str) -> Request:
    return Request(EnvironBuilder(headers=headers or {}, query_string=query).get_environ())


def test_the_key_is_found_wherever_a_signature_has_it() -> None:
    scope = "20260101/eu-west-1/s3/aws4_request"
    four = f"AWS4-HMAC-SHA256 Credential=mine/{scope}, SignedHeaders=host, Signature=x"
    assert access_key_of(request({"Authorization": four})) == "mine"
    assert access_key_of(request({"Authorization": "AWS mine:signature"})) == "mine"
    assert access_key_of(request(**{"X-Amz-Credential": f"mine/{scope}"})) == "mine"
    assert access_key_of(request()) == ""


def test_a_session_signs_with_its_key_and_its_token() -> None:
    session = Session.of_role(ROLE, "job", "eu-west-1")
    credentials = session.credentials()
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/x, y"}
    token = {"X-Amz-Security-Token": str(credentials.token)}
    assert session_of(request(signed | token)) == session
    assert session_of(request({"Authorization": "AWS4-HMAC-SHA256 Credential=local/x"})) is None
