"""How a job stands, as its region writes it down at home."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.regions.records_at_home import keep_job, keep_transfers
from stratos.contracts.regions import Transfer
from stratos.moment import now
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.conftest import BUCKET, REGION
from tests.unit.lambdas.two_regions import AWAY, AWAY_BUCKET, TwoRegions, worker_job


def keep(worker: WorkerJob, *transfers: Transfer) -> None:
    keep_transfers(worker.run, worker.home, worker.job.name, transfers)


def moved(key: str) -> Transfer:
    return Transfer(
        at=now(),
        source=f"s3://{BUCKET}/{key}",
        target=f"s3://{AWAY_BUCKET}/{key}",
        source_region=REGION,
        target_region=AWAY,
        num_bytes=7,
    )


def test_what_home_could_not_be_told_of_is_told_once_by_the_next_call(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = moved("a"), moved("b"), moved("c")
    with monkeypatch.context() as patched:
        patched.setattr(ElsewhereFiles, "add_transfers", _silent)
        for transfer in (first, second):
            with pytest.raises(EndpointConnectionError):
                keep(worker, transfer)
    assert regions.moved(worker.run.run_id) == []
    keep(worker)
    assert regions.moved(worker.run.run_id) == [first, second]
    keep(worker, third)
    assert regions.moved(worker.run.run_id) == [first, second, third]


def _silent(*_: object) -> None:
    raise EndpointConnectionError(endpoint_url=f"https://s3.{REGION}.amazonaws.com")


def test_what_started_is_what_sagemaker_selected(regions: TwoRegions, worker: WorkerJob) -> None:
    selected = {"SelectedInstanceType": "ml.g6.xlarge", "SelectedInstanceCount": 2}
    keep_job(worker, {"TrainingJobStatus": "InProgress", "ResourceConfig": selected})
    seen = regions.elsewhere(worker)
    assert (seen.instance_type, seen.count, seen.billed_seconds) == ("ml.g6.xlarge", 2, None)


def test_a_job_that_home_has_forgotten_is_not_written_down_again(regions: TwoRegions) -> None:
    keep_job(worker_job(), {"TrainingJobStatus": "InProgress"})
    keep(worker_job())
    assert regions.at_home().keys() <= {"catalog/servers.json"}
