"""Keys and tokens from Secrets Manager. They are never logged."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import boto3
from botocore.exceptions import ClientError

from stratos.contracts.job_start import HOME_REGION
from stratos.spec.hosts import HOSTS_TAG, why_not_sent

_SENDABLE = re.compile(r"[\x21-\x7e]+")
"""As a header's value: https://www.rfc-editor.org/rfc/rfc9110#section-5.5. An error of the library
that sends it would quote what is none."""


def read_secret(secret: str, field: str, *, named_by: str, host: str) -> str:
    """Read a secret's text, or one field of it where it is JSON.

    Args:
        named_by: The spec's field that names the secret, for errors.
        host: Where it is about to be sent.

    Raises:
        ValueError: it is not there, is not for this job or host, or holds no such text.
    """
    what = f"secret {secret!r}, which `{named_by}` names,"
    found = _text(secret, what, f"the {field}", host)
    if found.startswith("{"):
        (found,) = _fields(found, what, f"the {field} alone", field)
    if not _SENDABLE.fullmatch(found):
        raise ValueError(
            f"{what} holds no {field} that a header can carry: it is empty, or has a space, an end "
            f"of a line or a letter that is not ASCII; store the {field} alone"
        )
    return found


def read_login(secret: str, *, named_by: str, host: str) -> tuple[str, str]:
    """A user's name and password.

    Args:
        named_by: As above; `host` as well.

    Raises:
        ValueError: as above, or it is no JSON object that holds both.
    """
    what = f"secret {secret!r}, which `{named_by}` names,"
    told = "a JSON object with username and password"
    text = _text(secret, what, told, host)
    if not text.startswith("{"):
        raise ValueError(f"{what} is no {told.removeprefix('a ')}; store one")
    username, password = _fields(text, what, told, "username", "password")
    return username, password


def _text(secret: str, what: str, wanted: str, host: str) -> str:
    """All that a secret holds, if it may be sent to the host."""
    try:
        tags = _manager().describe_secret(SecretId=secret).get("Tags", ())
        hosts = next((tag["Value"] for tag in tags if tag["Key"] == HOSTS_TAG), None)
        if problem := why_not_sent(secret, hosts, host):
            raise ValueError(problem)
        found = _manager().get_secret_value(SecretId=secret)
    except ClientError as error:
        raise ValueError(f"{what} {_refusal(error)}") from error
    text: str | None = found.get("SecretString")
    if text is None:
        raise ValueError(f"{what} is binary; store {wanted} as text")
    return text.strip()


def _fields(text: str, what: str, wanted: str, *names: str) -> list[str]:
    """Fields of a JSON object."""
    try:
        held = json.loads(text)
    except ValueError:
        # Without its cause, which would quote the secret.
        raise ValueError(
            f"{what} begins like JSON and is none; mend it, or store {wanted}"
        ) from None
    missing = [name for name in names if name not in held]
    if missing:
        raise ValueError(f"{what} has the fields {sorted(held)}; expected {' and '.join(missing)}")
    return [str(held[name]).strip() for name in names]


def _manager() -> Any:
    """Secrets stay in the stack's own region, wherever the job runs."""
    return boto3.client("secretsmanager", region_name=os.environ.get(HOME_REGION))


def _refusal(error: ClientError) -> str:
    code = error.response["Error"]["Code"]
    if code == "ResourceNotFoundException":
        return "is not in this account and region; make it in Secrets Manager, or mend the name"
    if code in ("AccessDeniedException", "AccessDenied", "DecryptionFailure"):
        return (
            f"may not be read by this job ({code}): its role needs the rights "
            "secretsmanager:DescribeSecret and secretsmanager:GetSecretValue, and kms:Decrypt "
            "where the secret has a key of its own"
        )
    return f"could not be read from Secrets Manager ({code}); look at it there, then try again"
