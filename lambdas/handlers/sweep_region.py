"""SweepRegion: in a worker region, every hour, jobs and endpoints end that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import sagemaker, scaling
from lambdas.regions.standing import Standing, confirm, keep_model, keep_record, look_through
from lambdas.regions.sweeping import look_at_jobs
from lambdas.step import logger, step
from stratos.errors import SweepIncomplete
from stratos.hosting.ownership import Kind
from stratos.pipeline.steps import SweepInput, Swept

METRIC = "SweptResources"


def _delete_endpoint(name: str) -> None:
    scaling.remove(name)
    sagemaker.delete_endpoint(name)


_REMOVE: Mapping[Kind, Callable[[str], object]] = {
    "training-job": sagemaker.stop_job,
    "endpoint": _delete_endpoint,
    "endpoint-config": sagemaker.delete_endpoint_config,
    "model": sagemaker.delete_model,
}


@step
def handler(payload: SweepInput) -> Swept:
    """End orphans, or only name them. Old copies need no sweeper: S3 deletes them.

    Raises:
        SweepIncomplete: when some could not be ended or told, or only home could say whether they
            are in use; all others are ended.
    """
    jobs, standing = look_at_jobs(), look_through()
    found, silent = [*jobs.orphans, *standing.orphans], jobs.silent | standing.silent
    if payload.dry_run:
        return Swept(dry_run=True, removed=found, unreached=silent)
    for orphan in found:
        logger.warning("sweeping", extra={"orphan": orphan.model_dump()})
    failed = _try_each(
        (f"{orphan.kind} {orphan.name}", partial(_REMOVE[orphan.kind], orphan.name))
        for orphan in found
    )
    neglected = _try_each(_care(standing))
    with single_metric(name=METRIC, unit=MetricUnit.Count, value=len(found) - len(failed)):
        pass  # on leaving, it is written to the log, where CloudWatch reads it
    if failed:
        raise SweepIncomplete(
            f"{len(failed)} resources without an owner could not be ended and may be billed: "
            f"{'; '.join(failed)}. The next sweep tries again"
        )
    if in_doubt := jobs.in_doubt | standing.in_doubt:
        told = "; ".join(f"{name}: {why}" for name, why in in_doubt.items())
        raise SweepIncomplete(
            f"{', '.join(in_doubt)} may be in service or not, and only home could say; they stay, "
            f"and are billed, until it does ({told}). If it never will, delete them by hand"
        )
    if neglected:
        raise SweepIncomplete(
            f"of what is in service not all is noted or kept here: {'; '.join(neglected)}. The "
            "next sweep tries again"
        )
    return Swept(dry_run=False, removed=found, unreached=silent)


def _care(standing: Standing) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is to be done for endpoints that stay, each with its name."""
    for name, record in standing.promoted.items():
        yield name, partial(confirm, name, record)
    for name in standing.kept:
        yield f"model {name}", partial(keep_model, name)
    for key in dict.fromkeys(standing.records):
        yield key, partial(keep_record, key)


def _try_each(actions: Iterable[tuple[str, Callable[[], object]]]) -> list[str]:
    """Do everything, whatever fails of it. Returns what has failed, and why."""
    failed = []
    for name, action in actions:
        try:
            action()
        except (BotoCoreError, ClientError) as error:
            failed.append(f"{name}: {error}")
    return failed
