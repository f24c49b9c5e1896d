"""MeasureRegion: an endpoint of several under its share of the load, asked from its own region."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import endpoint_logs, scaling
from lambdas.aws.clients import is_unreachable
from lambdas.aws.run_files import RunFiles
from lambdas.aws.staged_files import StagedFiles
from lambdas.regions import answers
from lambdas.regions.endpoints import here
from lambdas.regions.places import Place
from lambdas.serving.under_load import load_of
from lambdas.step import step
from stratos.contracts.run import RunRef
from stratos.errors import HomeUnreachable
from stratos.moment import now
from stratos.pipeline.region_endpoints import (
    MeasureRegionInput,
    RegionEndpoint,
    RegionLoad,
    RegionMeasured,
)


@step
def handler(payload: MeasureRegionInput) -> RegionMeasured:
    """Measure once, let the fleet follow its traffic from now on, and tell home. May be repeated.

    Raises:
        HomeUnreachable: home does not answer; call again later.
    """
    staged, home = payload.staged, payload.home
    region, name = staged.region, staged.deployment.endpoint_name
    run = payload.run if home is None else here(payload.run)
    files = StagedFiles.of(run)
    found = files.find_load(name, region)
    if found is None:
        found = _measured(run, staged)
        scaling.apply(name, staged.deployment.scaling)
        files.put_load(name, found)
    measured = RegionMeasured(region=region)
    if home is None:
        return measured
    try:
        StagedFiles(run, Place.of_home(home).files).put_load(name, found)
        return measured.model_copy(update={"answered": answers.answer(home, measured)})
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{home.region} does not answer: {error}") from error
        raise


def _measured(run: RunRef, staged: RegionEndpoint) -> RegionLoad:
    started_at, spec = now(), RunFiles(run).spec()
    part = spec.model_copy(update={"load": spec.load.part(staged.requests_per_second)})
    load, seconds = load_of(run, part, staged.deployment, ask_all=staged.asks_all)
    lines: tuple[str, ...] = ()
    if load.num_failed:
        since = staged.deployment.deploying_since or started_at
        lines = endpoint_logs.last_lines(staged.deployment, since)
    return RegionLoad(
        region=staged.region,
        started_at=started_at,
        ended_at=now(),
        load=load,
        answering_seconds=seconds,
        log_lines=lines,
    )
