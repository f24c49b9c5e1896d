"""The policies that are deployed, as moto's backends hold them, read once a text.

Nothing has to be told of a change: what is kept is what a text says, and texts are looked up anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.documents import Statement, parse

_TEXTS = 1024

Statements = tuple[Statement, ...]


def of_role(role_arn: str) -> Statements:
    """Statements of a role's policies, its own and those that are attached to it."""
    role = find_role(role_arn)
    if role is None:
        return ()
    own = tuple(role.policies.items())
    attached = tuple(
        (policy.name, version.document)
        for policy in list(role.managed_policies.values())
        for version in policy.versions
        if version.version_id == policy.default_version_id
    )
    return _read_all(own + attached)


def tags_of_role(role_arn: str) -> dict[str, str]:
    """Tags of a role, which its sessions have, too; of a service none."""
    role = find_role(role_arn)
    return {} if role is None else {tag["Key"]: tag["Value"] for tag in role.tags or []}


def trust_of(role_arn: str) -> Statements:
    """Statements of a role's trust policy."""
    role = find_role(role_arn)
    if role is None:
        return ()
    return _read(role.name, _text(role.assume_role_policy_document))


def of_resource(arn: str) -> Statements:
    """Statements of the policy that stands at a resource; none where it has none."""
    fields = arn.split(":", 5)
    if len(fields) != 6:
        return ()
    read = _POLICY_OF.get(fields[2])
    text = read(fields) if read is not None else None
    # An object's policy is that of its bucket; no other ARN has such a path.
    holder = arn.partition("/")[0] if fields[2] == "s3" else arn
    return _read(holder, text) if text else ()


def find_role(arn: str) -> Any:
    """Moto's record of a role; None where it is not there."""
    fields = arn.split(":", 5)
    account = fields[4] if len(fields) == 6 else ACCOUNT_ID
    name = arn.rpartition("/")[2]
    for role in list(iam_backends[account]["aws"].roles.values()):
        if role.name == name:
            return role
    return None


@lru_cache(_TEXTS)
def _read(source: str, text: str) -> Statements:
    return parse(json.loads(text), source)


@lru_cache(_TEXTS)
def _read_all(named: tuple[tuple[str, str], ...]) -> Statements:
    return tuple(statement for source, text in named for statement in _read(source, _text(text)))


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _of_function(fields: list[str]) -> str | None:
    backend = lambda_backends[fields[4]][fields[3]]
    name = fields[5].removeprefix("function:").partition(":")[0]
    function = next((one for one in backend.list_functions() if one.function_name == name), None)
    statements = [] if function is None else function.policy.statements
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _of_topic(fields: list[str]) -> str | None:
    topic = sns_backends[fields[4]][fields[3]].topics.get(":".join(fields))
    return None if topic is None else str(topic.policy)


def _of_queue(fields: list[str]) -> str | None:
    queue = sqs_backends[fields[4]][fields[3]].queues.get(fields[5])
    return None if queue is None or not queue.policy else str(queue.policy)


def _of_key(fields: list[str]) -> str | None:
    key = kms_backends[fields[4]][fields[3]].keys.get(fields[5].removeprefix("key/"))
    return None if key is None else _text(key.policy)


def _of_bucket(fields: list[str]) -> str | None:
    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(fields[5].partition("/")[0])
    policy = None if bucket is None else bucket.policy
    return policy.decode() if isinstance(policy, bytes) else policy


def _of_secret(fields: list[str]) -> str | None:
    for secret in _secrets(fields):
        if secret.arn == ":".join(fields):
            policy = getattr(secret, "policy", None)
            return str(policy) if policy else None
    return None


def _secrets(fields: list[str]) -> Iterator[Any]:
    yield from list(dict.values(secretsmanager_backends[fields[4]][fields[3]].secrets))


_POLICY_OF: dict[str, Callable[[list[str]], str | None]] = {
    "kms": _of_key,
    "lambda": _of_function,
    "s3": _of_bucket,
    "secretsmanager": _of_secret,
    "sns": _of_topic,
    "sqs": _of_queue,
}
