"""Where data lies, how it is encrypted, and how long it stays, for the reviewer's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.review.template_text import plain, table, text
from stratos.units import count

_INTRODUCTION = """\
## Data at rest

| | |
|---|---|
| encrypted by | the key that the template names; "AWS" is the service's own encryption, without a \
key of the account |
| stays | for how long what is written stays, as long as the stack is there |
| with the stack | what becomes of it when the stack is [removed](deploy.md#removing-a-stack) |

The bucket has all four blocks of public access, and no ACLs.
"""
_GROUPS = """\
Logs of containers are in log groups that SageMaker makes: encrypted by AWS, and kept until they are
deleted.
"""
_BESIDE = """\
Beside the template: what a job returns is written with the stack's key. No key is named for the
volumes of jobs and servers, which end with them, nor for the versions in the model registry and the
schedules: there it is "AWS". Nothing is replicated to another region or account, but for what jobs
of [worker regions](review-regions.md) read and make. The archives in
the CDK's bucket hold code only, and are encrypted as `cdk bootstrap` set it up.
"""

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class _Store:
    """What is said of a type of resource."""

    holds: str
    key: tuple[str | int, ...]
    """Where its properties name the key."""
    stays: Callable[[Properties], str]


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(step, str) else value[step]
        if value is None:
            return None
    return value


def _bucket(properties: Properties) -> str:
    public = properties.get("PublicAccessBlockConfiguration", {})
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    owner = _at(properties, ("OwnershipControls", "Rules", 0, "ObjectOwnership"))
    if not all(public.get(block) for block in blocks) or owner != "BucketOwnerEnforced":
        raise ValueError("the bucket no longer blocks all public access, as the page says")
    versions = _at(properties, ("VersioningConfiguration", "Status")) == "Enabled"
    rules = "".join(
        f"<br>{_under(rule)}{_tagged(rule)}: {_expiry(rule)}"
        for rule in properties["LifecycleConfiguration"]["Rules"]
    )
    return f"until it is deleted{', with all versions' if versions else ''}{rules}"


def _under(rule: Mapping[str, Any]) -> str:
    return f"`{rule['Prefix']}`" if "Prefix" in rule else "everything"


def _tagged(rule: Mapping[str, Any]) -> str:
    tags = (f"`{tag['Key']}={tag['Value']}`" for tag in rule.get("TagFilters", ()))
    return "".join(f" with the tag {tag}" for tag in tags)


def _expiry(rule: Mapping[str, Any]) -> str:
    said = []
    if "ExpirationInDays" in rule:
        said.append(f"{rule['ExpirationInDays']} days")
    if "NoncurrentVersionExpiration" in rule:
        days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        said.append(f"overwritten or deleted versions {count(days, 'day')} more")
    return ", ".join(said)


def _table(properties: Properties) -> str:
    recovery = ("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")
    restored = ", and can be restored to any moment of the last 35 days"
    return f"until it is deleted{restored if _at(properties, recovery) else ''}"


def _logs(properties: Properties) -> str:
    days = properties.get("RetentionInDays")
    return f"{days} days" if days else "until it is deleted"


def _queue(properties: Properties) -> str:
    return f"{properties.get('MessageRetentionPeriod', 345600) // 86400} days"


def _key(properties: Properties) -> str:
    return "rotated yearly" if properties.get("EnableKeyRotation") else "never rotated"


STORES: Mapping[str, _Store] = {
    "AWS::KMS::Key": _Store("the key", (), _key),
    "AWS::S3::Bucket": _Store(
        "specs, datasets, models, results, requests to queues and their answers",
        (
            "BucketEncryption",
            "ServerSideEncryptionConfiguration",
            0,
            "ServerSideEncryptionByDefault",
            "KMSMasterKeyID",
        ),
        _bucket,
    ),
    "AWS::DynamoDB::Table": _Store(
        "a row a run: names, figures, costs, tokens of approval",
        ("SSESpecification", "KMSMasterKeyId"),
        _table,
    ),
    "AWS::Logs::LogGroup": _Store(
        "logs of functions and of the state machine", ("KmsKeyId",), _logs
    ),
    "AWS::SNS::Topic": _Store("how runs ended", ("KmsMasterKeyId",), lambda _: "not at all"),
    "AWS::SQS::Queue": _Store("events that nobody took", ("KmsMasterKeyId",), _queue),
    "AWS::StepFunctions::StateMachine": _Store(
        "the histories of executions: paths, names, figures",
        ("EncryptionConfiguration", "KmsKeyId"),
        lambda _: "90 days after a run's end, by AWS",
    ),
    "AWS::Lambda::Function": _Store(
        "code, and names of the stack's parts as environment", ("KmsKeyArn",), lambda _: "no data"
    ),
}


def data_at_rest(template: Mapping[str, Any]) -> str:
    """The section "Data at rest", with what lies beside the template.

    Raises:
        ValueError: The bucket is less closed than the page says.
    """
    return f"{_INTRODUCTION}\n{stores(template)}\n{_GROUPS}\n{_BESIDE}"


def stores(template: Mapping[str, Any]) -> str:
    """What the template stores: a row for all that is kept alike.

    Raises:
        ValueError: As for `data_at_rest`.
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for kind, store in STORES.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                rows.setdefault(_row(store, resource), []).append(plain(name))
    head = ("What", "Holds", "Encrypted by", "Stays", "With the stack")
    body = [(_named(names), *row) for row, names in rows.items()]
    return table(head, *body)


def _row(store: _Store, resource: Mapping[str, Any]) -> tuple[str, ...]:
    properties = resource["Properties"]
    key = _at(properties, store.key) if store.key else None
    kept = resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
    return (
        store.holds,
        ("" if not store.key else "AWS") if key is None else f"`{text(key)}`",
        store.stays(properties),
        "**kept**" if kept else "deleted",
    )


def _named(names: list[str]) -> str:
    return f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` and {len(names) - 1} more"
