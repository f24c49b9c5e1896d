"""Sessions are known again by their credentials alone."""

from __future__ import annotations

import pytest

from infra.local.iam.sessions import InvalidCredentialsError, Session

ROLE = "arn:aws:iam::123456789012:role/service/Training"


def test_a_role_session_is_known_by_its_token() -> None:
    session = Session.of_role(ROLE, "SageMaker")
    credentials = session.credentials()
    assert Session.of_credentials(credentials.access_key, credentials.token) == session
    assert session.arn == "arn:aws:sts::123456789012:assumed-role/Training/SageMaker"
    assert credentials == Session.of_role(ROLE, "SageMaker").credentials()


def test_sessions_have_keys_of_their_own_in_the_form_of_temporary_ones() -> None:
    keys = {Session.of_role(ROLE, name).credentials().access_key for name in ("a", "b")}
    assert len(keys) == 2
    assert all(16 <= len(key) <= 128 and key.startswith("ASIA") and key.isalnum() for key in keys)


def test_a_service_is_known_with_the_resource_that_it_calls_for() -> None:
    session = Session.of_service("events.amazonaws.com", "arn:aws:events:us-east-1:1:rule/r")
    credentials = session.credentials()
    assert Session.of_credentials(credentials.access_key, credentials.token) == session
    assert session.arn == "events.amazonaws.com"


def test_other_credentials_stand_for_no_session() -> None:
    assert Session.of_credentials("local", None) is None
    assert Session.of_credentials("ASIAIOSFODNN7EXAMPLE", "FwoGZXIvYXdzEXAMPLE") is None


@pytest.mark.parametrize("damage", ["", "half", "other", "\N{SNOWMAN}"])
def test_a_session_s_key_is_worth_nothing_without_its_own_token(damage: str) -> None:
    mine, other = (Session.of_role(ROLE, name).credentials() for name in ("mine", "other"))
    assert mine.token
    assert other.token
    tokens = {"half": mine.token[: len(mine.token) // 2], "other": other.token}
    with pytest.raises(InvalidCredentialsError):
        Session.of_credentials(mine.access_key, tokens.get(damage, damage))


def test_a_session_s_token_is_worth_nothing_without_its_own_key() -> None:
    token = Session.of_role(ROLE, "mine").credentials().token
    assert token
    for damaged in (token, token[:20], token[:-4] + "????"):
        with pytest.raises(InvalidCredentialsError):
            Session.of_credentials("local", damaged)


def test_a_session_is_known_with_the_region_in_which_it_was_given() -> None:
    sessions = [Session.of_role(ROLE, "job", region) for region in ("", "us-east-1", "eu-west-1")]
    rule = "arn:aws:events:eu-west-1:1:rule/r"
    sessions.append(Session.of_service("events.amazonaws.com", rule))
    known = []
    for session in sessions:
        credentials = session.credentials()
        found = Session.of_credentials(credentials.access_key, credentials.token)
        assert found is not None
        known.append(found.region)
    assert known == ["", "us-east-1", "eu-west-1", "eu-west-1"]
