import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from training.container import secrets


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="stratos/plain", SecretString=" key\n")
        client.create_secret(Name="stratos/fields", SecretString='{"api_key": "key", "b": 1}')
        client.create_secret(Name="stratos/binary", SecretBinary=b"key")
        client.create_secret(Name="stratos/broken", SecretString='{"api_key": hush}')
        yield


def read(secret, field="api_key"):
    return secrets.read_secret(secret, field, named_by="api_key_secret")


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
    ],
)
def test_a_secret_that_cannot_be_used_is_told_with_its_name_and_field(secret, field, told):
    match = f"secret 'stratos/{secret}', which `api_key_secret` names, {told}"
    with pytest.raises(ValueError, match=match) as caught:
        read(f"stratos/{secret}", field)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDeniedException", "its role needs the right secretsmanager:GetSecretValue"),
        ("InternalServiceError", r"could not be read from Secrets Manager \(InternalServiceError"),
    ],
)
def test_what_secrets_manager_refuses_is_told_with_the_right_that_is_needed(
    monkeypatch, code, told
):
    class Refusing:
        def get_secret_value(self, **_):
            raise ClientError({"Error": {"Code": code}}, "GetSecretValue")

    monkeypatch.setattr(secrets.boto3, "client", lambda _, **options: Refusing())
    with pytest.raises(ValueError, match=told):
        read("stratos/plain")
