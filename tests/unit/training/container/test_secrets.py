import boto3
import pytest
from moto import mock_aws

from training.container.secrets import read_secret


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name="stratos/plain", SecretString=" key\n")
        client.create_secret(Name="stratos/fields", SecretString='{"api_key": "key", "b": 1}')
        yield


def test_a_secret_is_its_text_or_one_of_its_fields():
    assert read_secret("stratos/plain", "api_key") == "key"
    assert read_secret("stratos/fields", "api_key") == "key"


def test_a_field_that_is_missing_is_told_with_those_there_are():
    with pytest.raises(ValueError, match=r"has fields \['api_key', 'b'\]; expected token"):
        read_secret("stratos/fields", "token")
