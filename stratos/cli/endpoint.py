"""Asking a run's endpoint, and deleting what a run left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from botocore.exceptions import ClientError

from stratos.cli.batch import jobs_under_way
from stratos.cli.stack import Stack, client
from stratos.contracts.bucket import RunKeys, s3_uri
from stratos.contracts.messages import Message, Tool, ToolChoice
from stratos.contracts.run import RunRow
from stratos.errors import EndpointNotFound
from stratos.hosting.chat_request import Said, chat_request, said_in
from stratos.hosting.components import (
    delete_component,
    find_component,
    has_component,
    live_component,
)
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_of
from stratos.hosting.names import VARIANT
from stratos.hosting.pools import models_of
from stratos.hosting.scaling import remove_scaling

_PATIENCE_SECONDS = 900
"""How long to wait for an answer: an instance may have to start first."""
_DELETION_SECONDS = 600


def invoke(
    stack: Stack,
    run: RunRow,
    question: str,
    max_tokens: int,
    system: str | None = None,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
) -> Said:
    """Return the endpoint's answer to one question; raises as `converse` does.

    Args:
        system: What a system message before the question says; None for no such message.
    """
    asked = [] if system is None else [Message(role="system", content=system)]
    asked.append(Message(role="user", content=question))
    return converse(stack, run, asked, max_tokens, tools, tool_choice)


def converse(
    stack: Stack,
    run: RunRow,
    messages: Sequence[Message],
    max_tokens: int,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
) -> Said:
    """Return the endpoint's answer to a conversation.

    Raises:
        EndpointNotFound: if the run has no live endpoint.
        ValueError: the chosen tool is not among the tools.
    """
    if run.endpoint_name is None:
        way = "; `stratos batch` asks its model" if run.batch_model_name else ""
        raise EndpointNotFound(f"run {run.run_id} is {run.status} and has no endpoint{way}")
    asked = chat_request(messages, run.shown_spec_name, max_tokens, tools, tool_choice)
    try:
        answer = json.loads(_send(stack, run, run.endpoint_name, json.dumps(asked).encode()))
    except ClientError as error:
        raise EndpointNotFound(f"endpoint {run.endpoint_name} did not answer: {error}") from error
    return said_in(answer)


def _send(stack: Stack, run: RunRow, endpoint_name: str, body: bytes) -> bytes:
    """Ask in the way of the endpoint's mode, and wait for what has to start."""
    described = stack.sagemaker.describe_endpoint(EndpointName=endpoint_name)
    connection = Connection(
        endpoint_name=endpoint_name,
        spec_name=run.shown_spec_name,
        bucket=stack.bucket,
        runtime=client("sagemaker-runtime"),
        s3=stack.s3,
        patience_seconds=_PATIENCE_SECONDS,
        tell=lambda line: typer.echo(line, err=True),
    )
    return mode_of(described).ask(connection, body)


def delete(stack: Stack, run: RunRow, *, objects: bool) -> list[str]:
    """Delete the run's endpoint with its configuration and model, and return what was deleted.

    If the run has no endpoint, stop its batches and delete their model. Something that is already
    gone is not an error.

    Args:
        objects: Also delete the run's objects in the bucket.
    """
    deleted: list[str] = []
    if run.endpoint_name is not None and _serves(stack, run):
        config = _endpoint_config(stack, run.endpoint_name)
        deleted += _delete_component(stack, run.endpoint_name)
        _try(deleted, run.endpoint_name, stack.sagemaker.delete_endpoint,
             EndpointName=run.endpoint_name)  # fmt: skip
        if config is not None:
            described = stack.sagemaker.describe_endpoint_config(EndpointConfigName=config)
            _try(deleted, config, stack.sagemaker.delete_endpoint_config,
                 EndpointConfigName=config)  # fmt: skip
            for variant in described["ProductionVariants"]:
                if "ModelName" not in variant:
                    continue  # the component has it
                for model in models_of(variant):
                    _try(deleted, model, stack.sagemaker.delete_model,
                         ModelName=model)  # fmt: skip
        remove_scaling(
            client("application-autoscaling"), client("cloudwatch"), run.endpoint_name, VARIANT
        )
    if run.batch_model_name is not None:
        for job in jobs_under_way(stack, run.run_id):
            _try(deleted, job, stack.sagemaker.stop_transform_job, TransformJobName=job)
        _try(deleted, run.batch_model_name, stack.sagemaker.delete_model,
             ModelName=run.batch_model_name)  # fmt: skip
    if objects:
        keys = RunKeys(run.run_id)
        for prefix in (keys.prefix, keys.all_checkpoints):
            deleted += _delete_objects(stack, prefix)
    stack.table.update_item(
        Key={"run_id": run.run_id},
        UpdateExpression="SET #s = :deleted "
        "REMOVE endpoint_name, usd_per_hour, expires_at, batch_model_name",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":deleted": "deleted"},
    )
    return deleted


def _delete_component(stack: Stack, endpoint_name: str) -> list[str]:
    """Delete an endpoint's component, if it has one, and its model, before the endpoint."""
    found = _component(stack, endpoint_name)
    if found is None:
        return []
    remove_scaling(client("application-autoscaling"), client("cloudwatch"), endpoint_name, VARIANT)
    deadline = time.monotonic() + _DELETION_SECONDS
    delete_component(stack.sagemaker, endpoint_name, deadline)
    model = live_component(found).model_name
    deleted: list[str] = []
    _try(deleted, model, stack.sagemaker.delete_model, ModelName=model)
    return deleted


def _component(stack: Stack, endpoint_name: str) -> dict[str, Any] | None:
    """The component of an endpoint; None if it has none."""
    described = _described(stack, endpoint_name)
    if described is None or not has_component(described):
        return None
    return find_component(stack.sagemaker, endpoint_name)


def _delete_objects(stack: Stack, prefix: str) -> Iterator[str]:
    """Delete every version under a prefix; yield the URI of each."""
    pages = stack.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=stack.bucket, Prefix=prefix):
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            version = {"Key": item["Key"], "VersionId": item["VersionId"]}
            stack.s3.delete_object(Bucket=stack.bucket, **version)
            yield s3_uri(stack.bucket, item["Key"])


def _serves(stack: Stack, run: RunRow) -> bool:
    """Whether the endpoint still serves this run's model; a later run may have replaced it."""
    name = run.endpoint_name or ""
    component = _component(stack, name)
    serving = live_component(component).model_name if component else _endpoint_config(stack, name)
    return serving is not None and run.run_id in serving


def _endpoint_config(stack: Stack, endpoint_name: str) -> str | None:
    described = _described(stack, endpoint_name)
    return None if described is None else str(described["EndpointConfigName"])


def _described(stack: Stack, endpoint_name: str) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = stack.sagemaker.describe_endpoint(EndpointName=endpoint_name)
    except ClientError:
        return None
    return described


def _try(deleted: list[str], name: str, action: object, **arguments: str) -> None:
    try:
        action(**arguments)  # type: ignore[operator]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
            raise
    else:
        deleted.append(name)
