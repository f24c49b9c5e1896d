"""Endpoints that stand in this region for runs of another: which of them go, and which are kept.

What nobody asks goes when its lease is over, whether or not home can be reached. What home may have
put into service is kept until home's record says that it has not, however long that takes; and what
is in service ends with its time and not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from lambdas.aws import executions, sagemaker
from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client
from lambdas.aws.worker_settings import worker_settings
from lambdas.regions.copier import keep_copy
from lambdas.regions.places import Place
from lambdas.step import logger
from stratos.contracts.bucket import served_key, split_uri
from stratos.contracts.served import Served
from stratos.hosting.absence import is_absent
from stratos.hosting.names import StackNames
from stratos.hosting.ownership import (
    EXPIRES_TAG,
    HOME_TAG,
    LEASE_TAG,
    NEVER,
    RECORD_TAG,
    RUN_TAG,
    STACK_TAG,
    STAGE_TAG,
    Kind,
    Orphan,
)
from stratos.moment import now


@dataclass
class Standing:
    """What was found.

    Attributes:
        silent: Home's region → why it could not be asked.
        in_doubt: Endpoints of which only home could say whether they are in service, and why it
            did not.
        promoted: Records of endpoints that are in service, of which this region had not heard.
    """

    orphans: list[Orphan] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    in_doubt: dict[str, str] = field(default_factory=dict)
    promoted: dict[str, Served] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    """Keys of the records of endpoints in service, as home has them and this region's bucket."""


def look_through() -> Standing:
    """Look at every endpoint that stands here for a run of another region, and at its parts."""
    found = Standing()
    standing = set()
    for name, tags in _ours("list_endpoints", "Endpoints", "EndpointName", "EndpointArn"):
        standing.add(name)
        _judge(found, name, tags)
    parts: tuple[tuple[Kind, str, str, str, str], ...] = (
        (
            "endpoint-config",
            "list_endpoint_configs",
            "EndpointConfigs",
            "EndpointConfigName",
            "EndpointConfigArn",
        ),
        ("model", "list_models", "Models", "ModelName", "ModelArn"),
    )
    for kind, *asked in parts:
        for name, tags in _ours(*asked):
            if name not in standing and _is_over(tags) and not _is_looked_after(name):
                found.orphans.append(Orphan(kind=kind, name=name, reason="its endpoint is gone"))
    return found


def confirm(name: str, record: Served) -> None:
    """Note in this region that an endpoint is in service, and where else the model answers."""
    Place.own().files.put_model(served_key(record.spec_name), record)
    # Last: what is tagged so is not told again.
    sagemaker.tag_endpoint(name, [{"Key": STAGE_TAG, "Value": "promoted"}])


def keep_model(name: str) -> None:
    """Keep the copy of a model that an endpoint may load again: S3 deletes what is old here."""
    try:
        described = client("sagemaker").describe_model(ModelName=name)
    except ClientError as error:
        if not is_absent(error, held_by_tag=True):
            raise
        return
    _, key = split_uri(described["PrimaryContainer"]["ModelDataUrl"])
    keep_copy(Place.own(), key)


def keep_record(key: str) -> None:
    """Keep the copy of a record, by which clients find the model when home is silent."""
    keep_copy(Place.own(), key)


def _judge(found: Standing, name: str, tags: dict[str, str]) -> None:
    """Decide on one endpoint."""
    if _is_looked_after(name):
        found.kept.append(name)
        return
    stage, end = tags.get(STAGE_TAG), tags.get(EXPIRES_TAG, NEVER)
    if stage != "staged" and end != NEVER and datetime.fromisoformat(end) <= now():
        found.orphans.append(_orphan(name, f"its time was over at {end}"))
    elif stage == "promoted" or not _is_over(tags):
        found.kept.append(name)
        if stage == "promoted" and RECORD_TAG in tags:
            found.records.append(split_uri(tags[RECORD_TAG])[1])
    elif stage == "staged":
        found.orphans.append(_orphan(name, "its lease is over, and nobody has asked it"))
    else:
        _ask_home(found, name, tags)


def _ask_home(found: Standing, name: str, tags: dict[str, str]) -> None:
    """Decide on an endpoint that home was about to put into service."""
    home = tags[HOME_TAG]
    try:
        record = _record(tags[RECORD_TAG], home)
    except (BotoCoreError, ClientError, ValidationError, KeyError) as error:
        logger.warning("in doubt", extra={"endpoint": name, "reason": str(error)})
        if isinstance(error, BotoCoreError | ClientError):
            found.silent[home] = str(error)
        found.in_doubt[name] = str(error)
        found.kept.append(name)
        return
    if record is not None and record.run_id == tags[RUN_TAG]:
        found.promoted[name] = record
        found.kept.append(name)
    else:
        found.orphans.append(_orphan(name, "home has not put it into service"))


def _record(uri: str, home: str) -> Served | None:
    """The record at home, whose release may be newer: fields that are new are passed over."""
    bucket, key = split_uri(uri)
    try:
        text = Bucket(bucket, home).read(key)
    except FileNotFoundError:
        return None
    return Served.model_validate_json(text, extra="ignore")


def _is_over(tags: dict[str, str]) -> bool:
    """Whether the lease is; what has none is not ours to judge."""
    lease = tags.get(LEASE_TAG)
    return lease is not None and datetime.fromisoformat(lease) <= now()


def _is_looked_after(name: str) -> bool:
    """Whether the execution that made it goes on."""
    machine = worker_settings().state_machine_arn.split(":")
    return executions.is_running(":".join([*machine[:5], "execution", machine[6], name]))


def _orphan(name: str, reason: str) -> Orphan:
    return Orphan(kind="endpoint", name=name, reason=reason)


def _ours(
    operation: str, listed: str, named: str, arn: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and tags of what runs of this stack have here, from another region."""
    start = StackNames(worker_settings().stack_name).start
    pages = client("sagemaker").get_paginator(operation)
    for page in pages.paginate(NameContains=start):
        for item in page[listed]:
            if not item[named].startswith(start):  # the filter matches anywhere in a name
                continue
            tags = sagemaker.tags_of(item[arn])
            handed_over = RUN_TAG in tags and HOME_TAG in tags
            if handed_over and tags.get(STACK_TAG) == worker_settings().stack_name:
                yield str(item[named]), tags
