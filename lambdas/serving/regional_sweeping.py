"""What home's sweeper does about models that several regions serve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import executions, runs_table, sagemaker, scaling
from lambdas.aws.settings import settings
from lambdas.regions.machines import WorkerMachine
from lambdas.serving import served_records
from lambdas.serving.regional_promotion import confirm
from lambdas.step import logger
from stratos.hosting.ownership import Kind, Orphan, Owner, Resource


def settle_promotion(run_id: str, *, dry_run: bool) -> None:
    """Decide whether the model of a run that has the turn is in service, before it is judged.

    A run that goes on is let alone. One that was stopped may be seen here seconds before CleanUp:
    its promotion must not go on over endpoints that the sweep deletes.

    Args:
        dry_run: Only let the table say what the record says.
    """
    row = runs_table.find(run_id)
    if len(settings().regions) == 1 or row is None:
        return
    if dry_run or (row.status == "running" and executions.is_running(row.execution_arn)):
        served_records.finish_if_committed(row.ref)
    else:
        served_records.settle(row.ref)


def left_behind(owners: Iterable[Owner], moment: datetime) -> dict[str, str]:
    """Regions that are no worker regions any more, and what is in service there."""
    found: dict[str, list[str]] = {}
    for owner in owners:
        if owner.endpoint_name is None or owner.expired(moment):
            continue  # the region's own sweeper ends what has expired
        for region in set(owner.serving_regions) - set(settings().regions):
            found.setdefault(region, []).append(f"{owner.endpoint_name} of run {owner.run_id}")
    return {region: ", ".join(names) for region, names in found.items()}


def confirm_again(found: Iterable[Resource]) -> None:
    """Tell regions that could not be told that an endpoint of theirs is in service."""
    for one in found:
        if one.kind != "endpoint" or one.stage != "prepared" or one.run_id is None:
            continue
        row = runs_table.find(one.run_id)
        if row is None or row.spec_name is None or row.endpoint_name != one.name:
            continue
        record = served_records.find(row.ref, row.spec_name)
        if record is None or record.run_id != row.run_id:
            continue
        try:
            confirm(record, one.region or settings().aws_region)
        except (BotoCoreError, ClientError) as error:
            logger.warning("not told", extra={"region": one.region, "reason": str(error)})


def remove(orphan: Orphan) -> None:
    """End what is without an owner in another region."""
    _REMOVE[orphan.kind](orphan.name, orphan.region)


def _stop_job(name: str, region: str) -> None:
    sagemaker.stop_job(name, region)


def _delete_endpoint(name: str, region: str) -> None:
    WorkerMachine(region).stop(name, "its run is over")
    scaling.remove(name, region)
    sagemaker.delete_endpoint(name, region)


_REMOVE: Mapping[Kind, Callable[[str, str], object]] = {
    "training-job": _stop_job,
    "endpoint": _delete_endpoint,
    "endpoint-config": sagemaker.delete_endpoint_config,
    "model": sagemaker.delete_model,
}
