"""Asking a run's endpoint, and deleting what a run has in service, in every region."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stratos.cli.batch import jobs_under_way
from stratos.cli.runs import read_object, regions_of
from stratos.cli.screen import echo
from stratos.cli.stack import Stack, client
from stratos.client import Client, ServedAnswer
from stratos.client.passed_over import is_unanswered
from stratos.contracts.bucket import served_key
from stratos.contracts.messages import Message, Tool, ToolChoice
from stratos.contracts.run import RunRow
from stratos.contracts.served import Served
from stratos.hosting.absence import is_absent
from stratos.hosting.components import (
    delete_component,
    find_component,
    has_component,
    live_component,
)
from stratos.hosting.names import VARIANT
from stratos.hosting.pools import models_of
from stratos.hosting.scaling import remove_scaling
from stratos.waiting import within

_PATIENCE_SECONDS = 900
"""How long to wait for an answer: an instance may have to start first."""
_DELETION_SECONDS = 600
_FAR_SECONDS = 30.0
"""How long a call to another region may take, which may be gone."""


def invoke(
    stack: Stack,
    run: RunRow,
    question: str,
    max_tokens: int,
    system: str | None = None,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
    origin: str | None = None,
) -> ServedAnswer:
    """Return the endpoint's answer to one question; raises as `converse` does.

    Args:
        system: What a system message before the question says; None for no such message.
    """
    asked = [] if system is None else [Message(role="system", content=system)]
    asked.append(Message(role="user", content=question))
    return converse(stack, run, asked, max_tokens, tools, tool_choice, origin)


def converse(
    stack: Stack,
    run: RunRow,
    messages: Sequence[Message],
    max_tokens: int,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
    origin: str | None = None,
) -> ServedAnswer:
    """Return the answer to a conversation, of the nearest region that serves the run's model.

    Args:
        origin: The region that it is nearest to; by default that of boto3's configuration.

    Raises:
        EndpointNotFound: if the run has no live endpoint, or none answers.
        RequestRefused: the model refuses the request.
        ValueError: the chosen tool is not among the tools.
    """
    asking = Client(
        run.shown_spec_name,
        stack,
        origin=origin,
        run=run,
        within_seconds=_PATIENCE_SECONDS,
        tell=lambda line: echo(line, err=True),
        make_client=client,
    )
    return asking.converse(messages, max_tokens=max_tokens, tools=tools, tool_choice=tool_choice)


@dataclass(frozen=True)
class Deletion:
    """What was deleted, and where nothing could be."""

    names: list[str] = field(default_factory=list)
    unreached: dict[str, str] = field(default_factory=dict)
    """Region → why it did not answer. Its sweeper, or home's, ends what is there."""


def delete(stack: Stack, run: RunRow) -> Deletion:
    """Delete the run's endpoints with their configurations and models, in every region.

    If the run has no endpoint, stop its batches and delete their model. Something that is already
    gone is not an error. Of another region each name is followed by the region.
    """
    done = Deletion()
    if run.endpoint_name is not None:
        _withdraw_records(stack, run)
        for region in regions_of(stack, run):
            _delete_in(stack.in_region(region, _FAR_SECONDS), run, run.endpoint_name, done)
    if run.batch_model_name is not None:
        for job in jobs_under_way(stack, run.run_id):
            _try(done.names, job, stack.sagemaker.stop_transform_job, TransformJobName=job)
        _try(done.names, run.batch_model_name, stack.sagemaker.delete_model,
             ModelName=run.batch_model_name)  # fmt: skip
    stack.table.update_item(
        Key={"run_id": run.run_id},
        UpdateExpression="SET #s = :deleted "
        "REMOVE endpoint_name, usd_per_hour, expires_at, batch_model_name, serving_regions",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":deleted": "deleted"},
    )
    return done


def _withdraw_records(stack: Stack, run: RunRow) -> None:
    """Delete what sends clients to a run's endpoints, before these go.

    Regions that have served earlier models keep copies of earlier records, which would stand in for
    home's. Such a region need not answer: what it has expires.
    """
    held = _record_in(stack, run)
    in_service = held is not None and held.run_id == run.run_id
    for region in stack.worker_regions:
        place = stack.in_region(region, _FAR_SECONDS)
        with contextlib.suppress(ClientError, BotoCoreError):
            copy = _record_in(place, run)
            is_older = in_service and copy and held and copy.promoted_at <= held.promoted_at
            if copy is not None and (is_older or copy.run_id == run.run_id):
                _withdraw_record(place, run)
    if in_service:
        _withdraw_record(stack, run)


def _record_in(place: Stack, run: RunRow) -> Served | None:
    text = read_object(place, served_key(run.shown_spec_name))
    return None if text is None else Served.model_validate_json(text, extra="ignore")


def _withdraw_record(place: Stack, run: RunRow) -> None:
    place.s3.delete_object(Bucket=place.bucket, Key=served_key(run.shown_spec_name))


def _delete_in(place: Stack, run: RunRow, name: str, done: Deletion) -> None:
    """Delete what a run has in service in one region."""
    deleted: list[str] = []
    try:
        if place.elsewhere:
            held = _record_in(place, run)
            if held is not None and held.run_id == run.run_id:
                _withdraw_record(place, run)
        if _serves_in(place, run):
            _delete_endpoint(place, name, deleted)
    except (ClientError, BotoCoreError) as error:
        if not (place.elsewhere and is_unanswered(error)):
            raise
        done.unreached[place.elsewhere] = str(error)
    where = f" in {place.elsewhere}" * bool(place.elsewhere)
    done.names.extend(one + where for one in deleted)


def _delete_endpoint(place: Stack, name: str, deleted: list[str]) -> None:
    sagemaker, config = place.sagemaker, _endpoint_config(place, name)
    _delete_component(place, name, deleted)
    _try(deleted, name, sagemaker.delete_endpoint, EndpointName=name)
    if config is not None:
        described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
        _try(deleted, config, sagemaker.delete_endpoint_config, EndpointConfigName=config)
        for variant in described["ProductionVariants"]:
            if "ModelName" not in variant:
                continue  # the component has it
            for model in models_of(variant):
                _try(deleted, model, sagemaker.delete_model, ModelName=model)
    _remove_scaling(place, name)


def _delete_component(place: Stack, endpoint_name: str, deleted: list[str]) -> None:
    """Delete an endpoint's component, if it has one, and its model, before the endpoint."""
    found = _component(place, endpoint_name)
    if found is None:
        return
    _remove_scaling(place, endpoint_name)
    delete_component(place.sagemaker, endpoint_name, within(_DELETION_SECONDS))
    model = live_component(found).model_name
    _try(deleted, model, place.sagemaker.delete_model, ModelName=model)


def _remove_scaling(place: Stack, endpoint_name: str) -> None:
    scaling, alarms = place.client("application-autoscaling"), place.client("cloudwatch")
    remove_scaling(scaling, alarms, endpoint_name, VARIANT)


def _component(stack: Stack, endpoint_name: str) -> dict[str, Any] | None:
    """The component of an endpoint; None if it has none."""
    described = _described(stack, endpoint_name)
    if described is None or not has_component(described):
        return None
    return find_component(stack.sagemaker, endpoint_name)


def serves(stack: Stack, run: RunRow) -> bool:
    """Whether an endpoint still serves this run's model; a later run may have replaced it.

    A region that does not answer may serve it.
    """
    for region in regions_of(stack, run):
        place = stack.in_region(region, _FAR_SECONDS)
        try:
            if _serves_in(place, run):
                return True
        except (ClientError, BotoCoreError) as error:
            if not (place.elsewhere and is_unanswered(error)):
                raise
            return True
    return False


def _serves_in(place: Stack, run: RunRow) -> bool:
    name = run.endpoint_name or ""
    component = _component(place, name)
    serving = live_component(component).model_name if component else _endpoint_config(place, name)
    return serving is not None and run.run_id in serving


def _endpoint_config(stack: Stack, endpoint_name: str) -> str | None:
    described = _described(stack, endpoint_name)
    return None if described is None else str(described["EndpointConfigName"])


def _described(stack: Stack, endpoint_name: str) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = stack.sagemaker.describe_endpoint(EndpointName=endpoint_name)
    except ClientError as error:
        if not is_absent(error, held_by_tag=False):
            raise
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
