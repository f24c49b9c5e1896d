"""Keys and tokens from Secrets Manager. They are never logged."""

from __future__ import annotations

import json

import boto3


def read_secret(secret: str, field: str) -> str:
    """Read a secret's text, or one field of it where it is JSON.

    Raises:
        ValueError: when the secret holds JSON without that field.
    """
    client = boto3.client("secretsmanager")
    text: str = client.get_secret_value(SecretId=secret)["SecretString"]
    if not text.lstrip().startswith("{"):
        return text.strip()
    fields = json.loads(text)
    if field not in fields:
        raise ValueError(f"secret {secret!r} has fields {sorted(fields)}; expected {field}")
    return str(fields[field]).strip()
