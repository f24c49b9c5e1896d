"""SweepRegion: in a worker region, every hour, jobs and endpoints end that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from lambdas.aws import sagemaker, scaling
from lambdas.regions.standing import confirm, keep_models, look_through
from lambdas.regions.sweeping import orphans
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
        SweepIncomplete: when some could not be ended, or only home could say whether they are in
            service; all others are ended.
    """
    jobs, silent = orphans()
    standing = look_through()
    found, silent = [*jobs, *standing.orphans], silent | standing.silent
    if payload.dry_run:
        return Swept(dry_run=True, removed=found, unreached=silent)
    failed = []
    for orphan in found:
        logger.warning("sweeping", extra={"orphan": orphan.model_dump()})
        try:
            _REMOVE[orphan.kind](orphan.name)
        except ClientError as error:
            failed.append(f"{orphan.kind} {orphan.name}: {error}")
    for name, record in standing.promoted.items():
        confirm(name, record)
    keep_models(standing.kept)
    with single_metric(name=METRIC, unit=MetricUnit.Count, value=len(found) - len(failed)):
        pass  # on leaving, it is written to the log, where CloudWatch reads it
    if failed:
        raise SweepIncomplete(
            f"{len(failed)} resources without an owner could not be ended and may be billed: "
            f"{'; '.join(failed)}. The next sweep tries again"
        )
    if standing.in_doubt:
        raise SweepIncomplete(
            f"{', '.join(standing.in_doubt)} may be in service or not, and "
            f"{', '.join(standing.silent)} does not answer, which would know; they stay, and are "
            "billed, until it does. If it never will, delete them by hand"
        )
    return Swept(dry_run=False, removed=found, unreached=silent)
