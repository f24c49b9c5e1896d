"""Secrets, keys and parameters."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from judged_cloud import allow, client_as, grant, make_key, make_role
from moto_cloud import Cloud


def test_a_secret_needs_the_key_that_it_is_kept_with(cloud: Cloud) -> None:
    key = make_key(cloud)
    made = cloud("secretsmanager").create_secret(
        Name="stratos/teacher", SecretString="s", KmsKeyId=key
    )
    reading = allow("secretsmanager:GetSecretValue", made["ARN"])
    role = make_role(cloud, "learner", "sagemaker", reading)
    secrets = client_as(cloud, role, "secretsmanager")
    with pytest.raises(ClientError, match="kms:Decrypt"):
        secrets.get_secret_value(SecretId="stratos/teacher")
    grant(cloud, "learner", reading, allow("kms:Decrypt", key))
    assert secrets.get_secret_value(SecretId="stratos/teacher")["SecretString"] == "s"


def test_what_a_secret_is_tagged_with_needs_a_right_of_its_own(cloud: Cloud) -> None:
    made = cloud("secretsmanager").create_secret(
        Name="stratos/tagged",
        SecretString="s",
        Tags=[{"Key": "stratos:hosts", "Value": "a.example"}],
    )
    role = make_role(cloud, "looker", "lambda", allow("secretsmanager:GetSecretValue", made["ARN"]))
    secrets = client_as(cloud, role, "secretsmanager")
    with pytest.raises(ClientError, match="secretsmanager:DescribeSecret"):
        secrets.describe_secret(SecretId="stratos/tagged")
    grant(cloud, "looker", allow("secretsmanager:DescribeSecret", made["ARN"]))
    told = secrets.describe_secret(SecretId="stratos/tagged")
    assert told["Tags"] == [{"Key": "stratos:hosts", "Value": "a.example"}]


def test_a_parameter_has_a_path(cloud: Cloud) -> None:
    cloud("ssm").put_parameter(Name="/stratos/a", Value="1", Type="String")
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/stratos/a"
    role = make_role(cloud, "reader", "lambda", allow("ssm:GetParameter", arn))
    found = client_as(cloud, role, "ssm").get_parameter(Name="/stratos/a")
    assert found["Parameter"]["Value"] == "1"
