"""What Secrets Manager says of a secret without giving it away."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code


def tags_of(secret: str) -> dict[str, str] | None:
    """Its tags; None where there is no such secret."""
    try:
        found = client("secretsmanager").describe_secret(SecretId=secret)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
