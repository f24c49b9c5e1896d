"""Sweep: every hour, what no longer belongs to a run is removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import BotoCoreError, ClientError

from lambdas import admission
from lambdas.aws import (
    components,
    executions,
    run_roles,
    runs_table,
    sagemaker,
    scaling,
    schedules,
    transform_jobs,
)
from lambdas.aws.clients import client, is_unreachable
from lambdas.aws.settings import settings
from lambdas.serving import (
    clean_up_retries,
    inventory,
    regional_sweeping,
    served_records,
    turns,
)
from lambdas.step import logger, step
from stratos.contracts.run import RunRow
from stratos.errors import DeploymentFailed, SweepIncomplete
from stratos.hosting.ownership import Kind, Orphan, Owner, Ownership, Resource
from stratos.hosting.scaling import delete_alarms
from stratos.moment import now
from stratos.pipeline.steps import SweepInput, Swept
from stratos.waiting import within

METRIC = "SweptResources"
PATIENCE_SECONDS = 720
"""For everything that one call removes; the function has 900 in all."""


def _delete_endpoint(name: str, deadline: float) -> None:
    components.delete(name, deadline)  # which its endpoint would leave behind
    sagemaker.delete_endpoint(name)
    scaling.remove(name)


def _delete_alarm(name: str) -> None:
    delete_alarms(client("cloudwatch"), [name])


def _delete_expiry(name: str) -> None:
    schedules.cancel_deletion(name.removesuffix(schedules.EXPIRY_SUFFIX))


_REMOVE_IN_TIME: Mapping[Kind, Callable[[str, float], object]] = {
    "inference-component": components.delete,
    "endpoint": _delete_endpoint,
}
_REMOVE: Mapping[Kind, Callable[[str], object]] = {
    "endpoint-config": sagemaker.delete_endpoint_config,
    "model": sagemaker.delete_model,
    "training-job": sagemaker.stop_job,
    "transform-job": transform_jobs.stop,
    "alarm": _delete_alarm,
    "schedule": _delete_expiry,
    "rerun": schedules.delete_schedule,
    "role": run_roles.delete,
}


@step
def handler(payload: SweepInput) -> Swept:
    """Remove orphans, or only name them.

    They share one deadline; the next sweep removes what is left.

    Raises:
        SweepIncomplete: when some could not be removed or looked at; all others are gone.
    """
    deadline = within(PATIENCE_SECONDS)
    elsewhere, unreached, refused = _elsewhere()
    found = [*inventory.resources(), *elsewhere]  # before the runs: see `Ownership`
    swept_at = now()
    holders = {turn.endpoint_name: turn.run_id for turn in turns.all_held()}
    for run_id in holders.values():
        regional_sweeping.settle_promotion(run_id, dry_run=payload.dry_run)
    waiting = admission.waiting()  # after what is found: who waits has made none of it
    owners = [_owner(row, waiting) for row in runs_table.all_runs()]
    judged_at = max(swept_at, payload.scheduled_at or swept_at)
    left_behind = regional_sweeping.left_behind(owners, judged_at)
    unseen = unreached | refused | left_behind
    ownership = Ownership(found, owners, judged_at, holders, unseen)
    orphans = ownership.orphans()
    if payload.dry_run:
        return Swept(dry_run=True, removed=orphans, unreached=unseen)
    unfinished = [*admission.sweep(), *clean_up_retries.retry(swept_at)]
    failed, kept = [], set()
    for orphan in orphans:
        if why := _removal_problem(orphan, holders, deadline):
            failed.append(f"{orphan.kind} {orphan.name}: {why}")
            kept |= {orphan.name} if orphan.kind == "endpoint" else set()
    for owner in ownership.without_endpoint():
        if owner.endpoint_name not in kept:
            served_records.leave_charge(owner.run_id)
    going = {(orphan.name, orphan.region) for orphan in orphans}
    regional_sweeping.confirm_again(one for one in found if (one.name, one.region) not in going)
    with single_metric(name=METRIC, unit=MetricUnit.Count, value=len(orphans) - len(failed)):
        pass  # on leaving, it is written to the log, where CloudWatch reads it
    _refuse_incomplete(len(orphans), failed, unfinished, refused, left_behind)
    return Swept(dry_run=False, removed=orphans, unreached=unreached)


def _refuse_incomplete(
    num_orphans: int,
    failed: list[str],
    unfinished: list[str],
    refused: Mapping[str, str],
    left_behind: Mapping[str, str],
) -> None:
    """
    Args:
        failed: Of the orphans, those that could not be removed, and why.
        unfinished: Turns that could not be taken back.
        refused: Regions that let nobody look, and why.
        left_behind: Regions that are none of the stack's any more, and what is in service there.

    Raises:
        SweepIncomplete: there is any of these.
    """
    if failed:
        raise SweepIncomplete(
            f"{len(failed)} of {num_orphans} resources without an owner could not be removed and "
            f"may be billed: {'; '.join(failed)}. The next sweep tries again"
        )
    if unfinished:
        raise SweepIncomplete(
            f"{'; '.join(unfinished)}. Other runs wait; the next sweep tries again"
        )
    if refused:
        told = "; ".join(f"{region}: {why}" for region, why in refused.items())
        raise SweepIncomplete(
            f"what is in {len(refused)} regions could not be looked at and may be billed: {told}. "
            "Deploy the stack anew, so that its sweeper is let in there"
        )
    if left_behind:
        told = "; ".join(f"{region}: {names}" for region, names in left_behind.items())
        raise SweepIncomplete(
            f"models are in service in {len(left_behind)} regions that are no worker regions any "
            f"more, and billed there: {told}. End them by `stratos delete RUN`, or name the region "
            "in stratos:worker_regions again"
        )


def _elsewhere() -> tuple[list[Resource], dict[str, str], dict[str, str]]:
    """What is in every worker region, and why some did not answer or let nobody look."""
    found: list[Resource] = []
    unreached: dict[str, str] = {}
    refused: dict[str, str] = {}
    for region in settings().regions[1:]:
        try:
            found += inventory.in_region(region)
        except (BotoCoreError, ClientError) as error:
            logger.warning("not reached", extra={"region": region, "reason": str(error)})
            (unreached if is_unreachable(error) else refused)[region] = str(error)
    return found, unreached, refused


def _removal_problem(orphan: Orphan, holders: Mapping[str, str], deadline: float) -> str | None:
    """Remove one orphan, and say what went wrong; None if nothing did.

    Args:
        holders: Endpoint → run that had the turn at it when the orphans were listed.
    """
    if time.monotonic() > deadline:
        return "no time was left for it"
    logger.warning("sweeping", extra={"orphan": orphan.model_dump()})
    try:
        if orphan.region:
            regional_sweeping.remove(orphan)
        elif remove := _REMOVE_IN_TIME.get(orphan.kind):
            # A component is named after its endpoint.
            holder = turns.holder_of(orphan.name)
            if holder not in (None, holders.get(orphan.name)):
                return f"run {holder} has had the turn at it since"
            remove(orphan.name, deadline)
        else:
            _REMOVE[orphan.kind](orphan.name)
    except (BotoCoreError, ClientError, DeploymentFailed) as error:
        return str(error)
    return None


def _owner(row: RunRow, waiting: Collection[str]) -> Owner:
    return Owner(
        run_id=row.run_id,
        spec_name=row.spec_name,
        status=row.status,
        running=served_records.is_promoting(row)
        or (row.status == "running" and executions.is_running(row.execution_arn)),
        waiting=row.run_id in waiting,
        endpoint_name=row.endpoint_name,
        batch_model_name=row.batch_model_name,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        serving_regions=row.serving_regions,
    )
