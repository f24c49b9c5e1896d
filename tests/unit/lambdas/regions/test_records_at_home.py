"""How a job stands, as its region writes it down at home."""

from __future__ import annotations

from lambdas.regions.records_at_home import keep_job, keep_transfers
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.two_regions import TwoRegions, worker_job


def test_what_started_is_what_sagemaker_selected(regions: TwoRegions, worker: WorkerJob) -> None:
    selected = {"SelectedInstanceType": "ml.g6.xlarge", "SelectedInstanceCount": 2}
    keep_job(worker, {"TrainingJobStatus": "InProgress", "ResourceConfig": selected})
    seen = regions.elsewhere(worker)
    assert (seen.instance_type, seen.count, seen.billed_seconds) == ("ml.g6.xlarge", 2, None)


def test_a_job_that_home_has_forgotten_is_not_written_down_again(regions: TwoRegions) -> None:
    keep_job(worker_job(), {"TrainingJobStatus": "InProgress"})
    keep_transfers(worker_job(), [])
    assert regions.at_home().keys() <= {"catalog/servers.json"}
