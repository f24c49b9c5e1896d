"""Secrets Manager, KMS and Systems Manager's parameters.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.encryption import DECRYPT, key_of, uses_key
from infra.local.iam.requirement import Requirement, Rule, needs

_KEY_OPERATIONS = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")


def _get_secret(request: ApiRequest) -> Iterator[Requirement]:
    secret = _found(request)
    yield Requirement("secretsmanager:GetSecretValue", _secret(request))
    key = None if secret is None else secret.kms_key_id
    yield from uses_key(request.account, request.region, key, "secretsmanager", DECRYPT)


def _secret(request: ApiRequest) -> str:
    """Its ARN, or what it would begin with: the ARN of one that is there ends with six more."""
    name, secret = request.get("SecretId"), _found(request)
    if secret is not None:
        return str(secret.arn)
    return name if name.startswith("arn:") else request.arn("secretsmanager", f"secret:{name}")


def _found(request: ApiRequest) -> Any:
    backend = secretsmanager_backends[request.account][request.region]
    return backend.secrets.get(request.get("SecretId"))


def _on_key(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        name = request.get("KeyId")
        key = key_of(request.account, request.region, name)
        arn = request.arn("kms", f"key/{name or '*'}") if key is None else key.arn
        yield Requirement(f"kms:{operation}", arn, {"kms:CallerAccount": (request.account,)})

    return rule


def _parameter(request: ApiRequest) -> str:
    return request.arn("ssm", f"parameter/{request.get('Name').lstrip('/')}")


RULES: Mapping[str, Mapping[str, Rule]] = {
    "secretsmanager": {
        "DescribeSecret": needs("secretsmanager:DescribeSecret", _secret),
        "GetSecretValue": _get_secret,
    },
    "kms": {operation: _on_key(operation) for operation in _KEY_OPERATIONS},
    "ssm": {"GetParameter": needs("ssm:GetParameter", _parameter)},
}
