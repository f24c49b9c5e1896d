"""The second of three regions is cut off while a model is put into service in all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.host.network import NetworkCall
from stratos.cli.endpoint import delete
from stratos.cli.runs import find_run
from stratos.cli.sweep import sweep_now
from stratos.client import Client
from stratos.contracts.bucket import SERVED_PREFIX, RunKeys
from stratos.errors import StratosError
from stratos.pipeline.region_endpoints import StagedFleet
from tests.integration.pipeline.cloud import eventually, write_task
from tests.integration.pipeline.regions import (
    AWAY,
    FAR,
    HOME,
    Regions,
    no_job_runs,
    running_regions,
)

pytestmark = [pytest.mark.slow, pytest.mark.regions]

EVERYWHERE = (FAR, AWAY, HOME)
"""In the order in which a promotion makes them ready."""
PREPARED_AWAY = NetworkCall(origin=HOME, region=AWAY, service="sagemaker", operation="AddTags")
"""Home has made the first region ready, and is about to do so with the second."""
COMMITTED = NetworkCall(
    origin=HOME, region=HOME, service="s3", operation="PutObject", key=SERVED_PREFIX
)
"""Home puts the model into service."""
MEASURED_SECONDS = 900
"""That a region may be silent: three endpoints are measured at once, on one machine."""
KINDS = ("endpoint", "endpoint_config", "model")
PAUSE_SECONDS = 0.2
QUESTION = "1m 2m 3m"


class Askers:
    """Applications in every region, which go on asking until they are stopped."""

    def __init__(self, spec_name: str) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(spec_name, origin)) for origin in EVERYWHERE
        ]
        self.latest: dict[str, tuple[str, str]] = {}
        """Origin → region and endpoint of its latest answer."""
        self.endpoints: set[str] = set()
        self.failures: list[str] = []

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        eventually(lambda: self.latest.keys() == set(EVERYWHERE) or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, spec_name: str, origin: str) -> None:
        client = Client(spec_name, home=HOME, origin=origin)
        while not self._stop.wait(PAUSE_SECONDS):
            try:
                answer = client.ask(QUESTION, max_tokens=4)
            except Exception as error:
                self.failures.append(f"{origin}: {error!r}")
                continue
            self.endpoints.add(answer.endpoint_name)
            self.latest[origin] = answer.region, answer.endpoint_name


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    folder = tmp_path_factory.mktemp("regions")
    with running_regions(folder, AWAY, FAR, heartbeat_seconds=MEASURED_SECONDS) as running:
        running.train(HOME)
        yield running


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is wanted near its clients, who are in all three regions."""
    return write_task(
        tmp_path_factory.mktemp("task"),
        "near",
        load={"origins": dict.fromkeys(EVERYWHERE, 1), "measure_seconds": 2},
        preferences={"accuracy": 0, "time": 0.1, "cost": 0, "latency": 1},
    )


@pytest.fixture(scope="module")
def former(regions: Regions, task: Path) -> str:
    """The endpoint of the model that is in service in all three."""
    run_id = regions.cloud.submit(task)
    row = regions.cloud.finish(run_id)
    assert row.status == "succeeded", regions.cloud.summary(run_id).reason
    assert tuple(sorted(row.serving_regions)) == EVERYWHERE
    assert row.endpoint_name is not None
    return row.endpoint_name


def staged(regions: Regions, run_id: str) -> StagedFleet:
    """What a run has made in every region, once it begins to."""

    def found() -> object:
        return regions.cloud.read_json(RunKeys(run_id).staged)

    fleet = StagedFleet.model_validate(eventually(found, doing=lambda: regions.cloud.doing(run_id)))
    assert fleet.regions == EVERYWHERE
    return fleet


def test_a_cut_before_the_record_leaves_the_former_model_everywhere(
    regions: Regions, task: Path, former: str
) -> None:
    cloud, served, standing = regions.cloud, regions.served(HOME), regions.made()
    regions.network.cut_at(AWAY, PREPARED_AWAY)
    run_id = cloud.submit(task)
    fleet = staged(regions, run_id)
    with Askers("near") as askers:
        row = cloud.finish(run_id)
        summary = cloud.summary(run_id)
        assert regions.network.cut_off() == [AWAY]
        assert row.status == "failed"
        assert f"{AWAY} does not answer, and a model is put into service in every" in summary.reason
        assert regions.served(HOME) == regions.served(FAR) == served
        regions.network.mend(AWAY)
        left = standing[AWAY] | {f"{kind} {fleet.name}" for kind in KINDS}
        eventually(lambda: regions.made() == standing | {AWAY: left})  # all that CleanUp reached
        sweep_now(cloud.stack, dry_run=False)
        eventually(lambda: regions.made() == standing)
        assert regions.served(AWAY) == served
    assert askers.failures == []
    assert askers.endpoints == {former}
    no_job_runs(regions)


def test_a_cut_after_the_record_is_written_leaves_the_new_model_in_service(
    regions: Regions, task: Path, former: str
) -> None:
    cloud, before = regions.cloud, regions.served(HOME)
    regions.network.cut_at(AWAY, COMMITTED)
    run_id = cloud.submit(task)
    fleet = staged(regions, run_id)
    with Askers("near") as askers:
        row = cloud.finish(run_id)
        assert regions.network.cut_off() == [AWAY]
        assert row.status == "succeeded", cloud.summary(run_id).reason
        record = regions.served(HOME)
        assert record is not None
        assert record.run_id == run_id
        assert tuple(one.region for one in record.regions) == EVERYWHERE
        assert regions.served(FAR) == record
        # Those in the region that is lost are answered elsewhere, by the new model.
        eventually(lambda: {name for _, name in askers.latest.values()} == {fleet.name})
        assert askers.latest[AWAY][0] != AWAY

        regions.network.mend(AWAY)
        assert regions.served(AWAY) == before
        eventually(lambda: askers.latest[AWAY] == (AWAY, fleet.name))  # before it is told
        sweep_now(cloud.stack, dry_run=False)
        assert regions.served(AWAY) == record
        eventually(lambda: set(endpoints(regions).values()) == {(fleet.name,)})
    assert askers.failures == []
    assert askers.endpoints <= {former, fleet.name}
    assert not any(former in name for made in regions.made().values() for name in made)

    assert delete(cloud.stack, find_run(cloud.stack, run_id)).unreached == {}
    eventually(lambda: set(endpoints(regions).values()) == {()})
    no_job_runs(regions)
    with pytest.raises(StratosError):
        Client("near", home=HOME, within_seconds=5).ask(QUESTION)


def endpoints(regions: Regions) -> dict[str, tuple[str, ...]]:
    return {region: tuple(names) for region, names in regions.endpoints().items()}
