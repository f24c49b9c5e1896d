"""What resources that are encrypted with a key of the account need beyond their own actions.

What stands here is documented by each service. Keys that AWS owns or manages need nothing. A log
group's key is used by CloudWatch Logs itself, so that a caller needs nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.kms.models import kms_backends

from infra.local.iam.requirement import Requirement

DECRYPT = "kms:Decrypt"
DATA_KEY = "kms:GenerateDataKey"


def key_of(account: str, region: str, name: str | None) -> Any:
    """Moto's record of the key with an id, ARN or alias; None where it is not the account's.

    Args:
        region: Of an id or an alias; an ARN names its own, as that of what is copied from afar.
    """
    if not name:
        return None
    backend = kms_backends[account][name.split(":")[3] if name.startswith("arn:") else region]
    if "alias/aws/" in name:
        return None  # a key that AWS manages
    return backend.keys.get(backend.any_id_to_key_id(name))


def uses_key(
    account: str, region: str, name: str | None, service: str, *actions: str
) -> Iterator[Requirement]:
    """The use of a customer's key through a service, by the caller's rights."""
    key = key_of(account, region, name)
    if key is None:
        return
    context = {
        "kms:ViaService": (f"{service}.{key.region}.amazonaws.com",),
        "kms:CallerAccount": (account,),
        "kms:ResourceAliases": tuple(key.aliases),
    }
    for action in actions:
        yield Requirement(action, key.arn, context)
