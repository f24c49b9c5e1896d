"""EventBridge Scheduler: reruns of a spec, and the end of an endpoint's time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef
from stratos.hosting.scaling import Scaling, scalable_target
from stratos.pipeline.steps import Parsed
from stratos.spec.schedule import Rate, parse_schedule

EXPIRY_SUFFIX = "-expiry"
_NOW = "<aws.scheduler.scheduled-time>"


def rerun_schedule_name(spec_name: str) -> str:
    return settings().names.reruns + spec_name


def expiry_schedule_name(endpoint_name: str) -> str:
    return endpoint_name + EXPIRY_SUFFIX


def set_rerun(parsed: Parsed, run: RunRef, now: datetime) -> str | None:
    """Set the schedule that the spec asks for now, or remove an earlier one; return its name.

    A schedule that is already right is left alone: to set it again would restart its period.
    """
    name = rerun_schedule_name(parsed.name)
    if parsed.schedule is None:
        delete_schedule(name)
        return None
    expression, timezone = parsed.schedule, parsed.schedule_timezone
    rerun = {"rerun": {"bucket": run.bucket, "key": run.spec_key}, "scheduled_at": _NOW}
    existing = _find(name)
    if (
        existing is None
        or existing["ScheduleExpression"] != expression
        or existing.get("ScheduleExpressionTimezone", "UTC") != timezone
        or json.loads(existing["Target"]["Input"]) != rerun
    ):
        options: dict[str, Any] = {"ScheduleExpressionTimezone": timezone}
        parsed_expression = parse_schedule(expression, timezone)
        if isinstance(parsed_expression, Rate):
            # Scheduler fires a rate at once unless told when to start; this run was just now.
            options["StartDate"] = now + parsed_expression.interval
        _put(name, expression, settings().state_machine_arn, rerun, **options)
    return name


def rerun_of(name: str) -> dict[str, str] | None:
    """Bucket and key of the spec that a schedule reruns; None if it does something else."""
    schedule = _find(name)
    if schedule is None:
        return None
    rerun: dict[str, str] | None = json.loads(schedule["Target"]["Input"]).get("rerun")
    return rerun


def schedule_sweep(endpoint_name: str, at: datetime) -> None:
    """Call the sweeper once, at the end of an endpoint's time.

    An endpoint with a component needs two calls, and a schedule makes one.
    """
    cancel_deletion(endpoint_name)
    due = {"scheduled_at": _NOW}
    _put(
        expiry_schedule_name(endpoint_name),
        _at(at),
        _sweeper_arn(),
        due,
        ActionAfterCompletion="DELETE",
    )


def schedule_deletion(endpoint_name: str, at: datetime, scaling: Scaling | None) -> str:
    """Schedule the deletion of an endpoint and of what scales it; return the first one's name."""
    cancel_deletion(endpoint_name)
    name = expiry_schedule_name(endpoint_name)
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        name: ("sagemaker:deleteEndpoint", {"EndpointName": endpoint_name})
    }
    if scaling is not None:
        target = {key: scaling.target[key] for key in scalable_target("", "")}
        calls[f"{name}-scaling"] = ("applicationautoscaling:deregisterScalableTarget", target)
        if scaling.wake_alarm is not None:
            alarms = {"AlarmNames": [scaling.wake_alarm["AlarmName"]]}
            calls[f"{name}-alarm"] = ("cloudwatch:deleteAlarms", alarms)
    sdk = f"arn:{settings().state_machine_arn.split(':')[1]}:scheduler:::aws-sdk:"
    for each, (action, request) in calls.items():
        _put(each, _at(at), sdk + action, request, ActionAfterCompletion="DELETE")
    return name


def cancel_deletion(endpoint_name: str) -> None:
    """Remove the schedules that end an endpoint."""
    for suffix in ("", "-scaling", "-alarm"):
        delete_schedule(expiry_schedule_name(endpoint_name) + suffix)


def delete_schedule(name: str) -> bool:
    """Delete a schedule. Returns whether it existed."""
    try:
        client("scheduler").delete_schedule(Name=name, GroupName=settings().schedule_group)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return False
        raise
    return True


def _at(moment: datetime) -> str:
    return f"at({moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"


def _sweeper_arn() -> str:
    _, partition, _, region, account, *_ = settings().state_machine_arn.split(":")
    return (
        f"arn:{partition}:lambda:{region}:{account}:function:{settings().names.function('sweep')}"
    )


def _find(name: str) -> dict[str, Any] | None:
    try:
        found = client("scheduler").get_schedule(Name=name, GroupName=settings().schedule_group)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return dict(found)


def _put(
    name: str, expression: str, target_arn: str, target_input: dict[str, Any], **options: Any
) -> None:
    """Create a schedule, or replace the one of that name."""
    request: dict[str, Any] = {
        "Name": name,
        "GroupName": settings().schedule_group,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": target_arn,
            "RoleArn": settings().scheduler_role_arn,
            "Input": json.dumps(target_input),
        },
        **options,
    }
    try:
        client("scheduler").create_schedule(**request)
    except ClientError as error:
        if error_code(error) != "ConflictException":
            raise
        client("scheduler").update_schedule(**request)
