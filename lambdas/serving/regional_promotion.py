"""A model is put into service in every region at once, or in none.

Every region is made ready first, and one that cannot be ends the promotion. Then one write at home
puts the model into service. What the regions are told after that is told again by the sweepers
until they have heard it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import components, registry, sagemaker, scaling, schedules
from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import is_unreachable
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.staged_files import StagedFiles
from lambdas.serving import served_records, turns
from lambdas.serving.staging import stage_tags
from lambdas.step import logger
from stratos.contracts.bucket import served_key
from stratos.contracts.run import RunRef
from stratos.contracts.served import Served, ServedRegion
from stratos.errors import DeploymentFailed, RegionUnreachable
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.model_package import served_properties
from stratos.hosting.ownership import LEASE_TAG, expiry, tags_of
from stratos.moment import now, to_the_second
from stratos.pipeline.region_endpoints import (
    MARGIN_SECONDS,
    PREPARED_SECONDS,
    PromotedRegions,
    PromoteRegionsInput,
    Retired,
)
from stratos.waiting import within

_PATIENCE_SECONDS = 240
"""For components that go with their endpoint."""


def promote(payload: PromoteRegionsInput) -> PromotedRegions:
    """Prepare every region, write the record, and tell the regions. May be repeated.

    Raises:
        RegionUnreachable: a region does not answer, and nothing has changed for anybody.
        DeploymentFailed: the endpoint of a region is not what was measured, or the run has ended.
    """
    run, files = payload.run, RunFiles(payload.run)
    spec, fleet = files.spec(), StagedFiles.of(run).fleet()
    record = served_records.find(run, spec.name)
    if record is None or record.run_id != run.run_id:
        promoted_at = to_the_second(now())
        expires_at = expiry(spec.hosting, promoted_at)
        tags = tags_of(settings().stack_name, run.run_id, spec.name, expires_at)
        for one in fleet.endpoints:
            _prepare(fleet.name, one.region, tags)
        _register(payload.package_arn, run)
        record = served_records.of_fleet(run, spec.name, fleet, promoted_at, expires_at)
        served_records.begin_promotion(run)
        served_records.put(run, record)
    served_records.take_charge(run, record)
    if record.expires_at is not None:
        schedules.schedule_sweep(fleet.name, record.expires_at)
    return PromotedRegions(
        endpoint_name=fleet.name,
        expires_at=record.expires_at,
        schedule_name=schedules.set_rerun(payload.parsed, run, record.promoted_at),
        drain_seconds=settings().drain_seconds if record.former else None,
        former=record.former,
        unconfirmed=confirm_all(record),
    )


def confirm_all(record: Served) -> dict[str, str]:
    """Tell every region what is in service. Returns why some could not be told, by region."""
    unconfirmed = {}
    regions = (one.region for one in (*record.regions, *record.former))
    for region in dict.fromkeys(regions):
        try:
            confirm(record, region)
        except (BotoCoreError, ClientError) as error:
            logger.warning("not told", extra={"region": region, "reason": str(error)})
            unconfirmed[region] = str(error)
    return unconfirmed


def confirm(record: Served, region: str) -> None:
    """Tell one region that its endpoint is in service, and where else the model answers."""
    if (there := _elsewhere(region)) is not None:
        account = settings().state_machine_arn.split(":")[4]
        bucket = Bucket(settings().names.worker_bucket(account, there), there)
        bucket.put_model(served_key(record.spec_name), record)
    # Last: what is tagged so is not told again.
    for one in record.regions:
        # Home's endpoint of a spec that home alone serves has no stage.
        if one.region == region and one.endpoint_name != _shared_name(record):
            end = record.expires_at or record.promoted_at
            tags = stage_tags("promoted", end)
            sagemaker.tag_endpoint(one.endpoint_name, tags, _elsewhere(region))


def retire(run: RunRef, former: tuple[ServedRegion, ...]) -> Retired:
    """Delete what answered before, and give back the turn. May be repeated."""
    deleted: list[str] = []
    unreached: dict[str, str] = {}
    for one in former:
        try:
            deleted += _retire(one)
        except (BotoCoreError, ClientError, DeploymentFailed) as error:
            logger.warning("not retired", extra={"region": one.region, "reason": str(error)})
            unreached[one.region] = str(error)
    spec = RunFiles(run).spec()
    turns.give_back(run.run_id, settings().names.endpoint(spec.name))
    return Retired(deleted=deleted, unreached=unreached)


def _prepare(name: str, region: str, tags: list[dict[str, str]]) -> None:
    """Have a region keep its endpoint until home has said whether it is in service.

    Args:
        tags: Whose the endpoint is, and its end once it is in service.
    """
    there = _elsewhere(region)
    try:
        endpoint = sagemaker.find_endpoint(name, there)
        _refuse_unready(name, region, None if endpoint is None else endpoint.status)
        arn = sagemaker.describe_endpoint(name, there)["EndpointArn"]
        _refuse_leaving(name, region, sagemaker.tags_of(arn, there).get(LEASE_TAG))
        until = to_the_second(now() + timedelta(seconds=PREPARED_SECONDS))
        sagemaker.tag_endpoint(name, [*tags, *stage_tags("prepared", until)], there)
    except (BotoCoreError, ClientError) as error:
        if not is_unreachable(error):
            raise
        raise RegionUnreachable(
            f"{region} does not answer, and a model is put into service in every region or in "
            f"none: {error}. What was in service stays; submit the spec again when {region} "
            "answers, or leave it out of constraints.regions"
        ) from error


def _refuse_unready(name: str, region: str, status: str | None) -> None:
    if status != "InService":
        raise DeploymentFailed(
            f"endpoint {name} in {region} is {status or 'gone'}, and was to be put into service; "
            "what was in service stays. Submit the spec again"
        )


def _refuse_leaving(name: str, region: str, lease: str | None) -> None:
    """A sweeper that has seen the end of its lease may be about to delete it."""
    if lease is None or datetime.fromisoformat(lease) < now() + timedelta(seconds=MARGIN_SECONDS):
        raise DeploymentFailed(
            f"the lease of endpoint {name} in {region} ends at {lease or 'no known time'}, which "
            "is too soon to put it into service. Submit the spec again"
        )


def _register(package_arn: str, run: RunRef) -> None:
    files = RunFiles(run)
    last, deployment = files.measurements().last, files.find_deployment()
    assert last is not None, "promoted before it was measured"
    assert last.load is not None, "a batch was measured, not an endpoint"
    assert isinstance(deployment, EndpointDeployment), "measured without an endpoint"
    registry.add_served(package_arn, served_properties(last.load, deployment), None)


def _retire(one: ServedRegion) -> list[str]:
    there = _elsewhere(one.region)
    if (config := _other_config(one, there)) is not None:
        told = {"endpoint": one.endpoint_name, "config": config}
        logger.warning("not retired: it has been updated since", extra=told)
        return []
    if there is None:
        schedules.cancel_deletion(one.endpoint_name)
        components.delete(one.endpoint_name, within(_PATIENCE_SECONDS))
    return delete_endpoint(one.endpoint_name, one.endpoint_config_name, one.model_name, there)


def _other_config(one: ServedRegion, there: str | None) -> str | None:
    """The configuration of an endpoint that has another model by now; None if it has not."""
    found = sagemaker.find_endpoint(one.endpoint_name, there)
    if found is None or found.in_component or found.config_name == one.endpoint_config_name:
        return None
    return found.config_name


def delete_endpoint(name: str, config_name: str, model_name: str, region: str | None) -> list[str]:
    """Delete an endpoint that is settled, and what it is made of. Returns what there was."""
    scaling.remove(name, region)
    # Of one that is gone IAM knows no tag, and denies its deletion.
    there = sagemaker.find_endpoint(name, region) is not None
    removed = {
        name: there and sagemaker.delete_endpoint(name, region),
        config_name: sagemaker.delete_endpoint_config(config_name, region),
        model_name: sagemaker.delete_model(model_name, region),
    }
    return [each for each, was_there in removed.items() if was_there]


def _elsewhere(region: str) -> str | None:
    """A region as clients are asked for; None for the function's own."""
    return None if region == settings().aws_region else region


def _shared_name(record: Served) -> str:
    return settings().names.endpoint(record.spec_name)
