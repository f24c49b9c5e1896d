import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stratos.spec.hosts import HOSTS_TAG
from training.container import secrets

HOST = "api.example.com"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("secretsmanager")
        for name, held in {
            "plain": {"SecretString": " key\n"},
            "fields": {"SecretString": '{"api_key": "key", "b": 1}'},
            "login": {"SecretString": '{"username": "ann", "password": "w:rd"}'},
            "binary": {"SecretBinary": b"key"},
            "broken": {"SecretString": '{"api_key": hush}'},
            "two": {"SecretString": "hush\nhush"},
            "smart": {"SecretString": '{"token": "hush\u201d"}'},
            "spaced": {"SecretString": "Bearer hush"},
            "blank": {"SecretString": '{"token": " "}'},
        }.items():
            tags = [{"Key": HOSTS_TAG, "Value": HOST}]
            client.create_secret(Name=f"stratos/{name}", Tags=tags, **held)
        yield


def read(secret, field="api_key", host=HOST):
    return secrets.read_secret(secret, field, named_by="api_key_secret", host=host)


def test_a_secret_is_its_text_or_one_of_its_fields():
    assert read("stratos/plain") == "key"
    assert read("stratos/fields") == "key"


@pytest.mark.parametrize(
    ("secret", "field", "told"),
    [
        ("fields", "token", r"has the fields \['api_key', 'b'\]; expected token"),
        ("binary", "token", "is binary; store the token as text"),
        ("broken", "token", "begins like JSON and is none; mend it, or store the token alone"),
        ("none", "token", "is not in this account and region; make it in Secrets Manager"),
        ("two", "token", "holds no token that a header can carry: it is empty, or has a space"),
        ("smart", "token", "holds no token that a header can carry"),
        ("spaced", "token", "holds no token that a header can carry"),
        ("blank", "token", "holds no token that a header can carry"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_with_its_name_and_field(secret, field, told):
    match = f"secret 'stratos/{secret}', which `api_key_secret` names, {told}"
    with pytest.raises(ValueError, match=match) as caught:
        read(f"stratos/{secret}", field)
    assert "hush" not in str(caught.value)


def test_a_login_is_a_name_and_a_password():
    login = secrets.read_login("stratos/login", named_by="login_secret", host=HOST)
    assert login == ("ann", "w:rd")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("plain", "is no JSON object with username and password; store one"),
        ("fields", r"has the fields \['api_key', 'b'\]; expected username and password"),
        ("broken", "is none; mend it, or store a JSON object with username and password"),
    ],
)
def test_a_secret_that_is_no_login_is_told_what_one_holds(secret, told):
    match = f"secret 'stratos/{secret}', which `login_secret` names, .*{told}"
    with pytest.raises(ValueError, match=match) as caught:
        secrets.read_login(f"stratos/{secret}", named_by="login_secret", host=HOST)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDeniedException", "needs the rights secretsmanager:DescribeSecret and"),
        ("InternalServiceError", r"could not be read from Secrets Manager \(InternalServiceError"),
    ],
)
def test_what_secrets_manager_refuses_is_told_with_the_right_that_is_needed(
    monkeypatch, code, told
):
    class Refusing:
        def describe_secret(self, **_):
            raise ClientError({"Error": {"Code": code}}, "DescribeSecret")

    monkeypatch.setattr(secrets.boto3, "client", lambda _, **options: Refusing())
    with pytest.raises(ValueError, match=told):
        read("stratos/plain")


def test_a_secret_goes_to_no_host_that_its_tag_does_not_name(monkeypatch):
    class Manager:
        def describe_secret(self, **_):
            return {"Tags": [{"Key": HOSTS_TAG, "Value": HOST}]}

        def get_secret_value(self, **_):
            raise AssertionError("it was read")

    monkeypatch.setattr(secrets.boto3, "client", lambda _, **options: Manager())
    with pytest.raises(ValueError, match=r"is for api\.example\.com .* sent to other\.example"):
        read("stratos/plain", host="other.example")
