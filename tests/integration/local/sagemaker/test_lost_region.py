"""What becomes of a job whose region is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from regions import REGIONS, WORKER
from sagemaker_cloud import Cloud, running_cloud

from infra.local.host.network import RegionNetwork
from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from tests.patience import eventually

ENDLESS = """
import os, pathlib, time
pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "model", "pid").write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""


def test_a_job_is_killed_and_gone_and_one_of_another_region_goes_on(tmp_path: Path) -> None:
    with running_cloud([TrainingJobProcesses()], tmp_path, regions=REGIONS) as cloud:
        worker = cloud.in_region(WORKER)
        for place in (cloud, worker):
            place.create_job("endless", ENDLESS)
        pids = [eventually(lambda place=place: pid_of(place)) for place in (cloud, worker)]
        RegionNetwork(cloud.settings).cut(WORKER, lose_jobs=True)
        RegionNetwork(cloud.settings).mend(WORKER)
        eventually(lambda: not Path(f"/proc/{pids[1]}").exists())
        assert worker.sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
        with pytest.raises(ClientError, match="Requested resource not found"):
            worker.describe("endless")
        assert cloud.describe("endless")["TrainingJobStatus"] == "InProgress"
        worker.create_job("later", "pass\n")
        assert worker.finished("later")["TrainingJobStatus"] == "Completed"


def pid_of(cloud: Cloud) -> str | None:
    folder = cloud.settings.folder_of(cloud.region) / "jobs" / "endless"
    found = folder / "opt-ml" / "model" / "pid"
    return found.read_text() if found.exists() else None
