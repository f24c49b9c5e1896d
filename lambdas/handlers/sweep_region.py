"""SweepRegion: in a worker region, every hour, jobs are stopped for which nobody waits."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import ClientError

from lambdas.aws import sagemaker
from lambdas.regions.sweeping import orphans
from lambdas.step import logger, step
from stratos.errors import SweepIncomplete
from stratos.pipeline.steps import SweepInput, Swept

METRIC = "SweptResources"


@step
def handler(payload: SweepInput) -> Swept:
    """Stop orphans, or only name them. Old copies need no sweeper: S3 deletes them.

    Raises:
        SweepIncomplete: when some could not be stopped; all others are.
    """
    found, silent = orphans()
    if payload.dry_run:
        return Swept(dry_run=True, removed=found, unreached=silent)
    failed = []
    for orphan in found:
        logger.warning("sweeping", extra={"orphan": orphan.model_dump()})
        try:
            sagemaker.stop_job(orphan.name)
        except ClientError as error:
            failed.append(f"{orphan.name}: {error}")
    with single_metric(name=METRIC, unit=MetricUnit.Count, value=len(found) - len(failed)):
        pass  # on leaving, it is written to the log, where CloudWatch reads it
    if failed:
        raise SweepIncomplete(
            f"{len(failed)} jobs without an owner could not be stopped and may be billed: "
            f"{'; '.join(failed)}. The next sweep tries again"
        )
    return Swept(dry_run=False, removed=found, unreached=silent)
