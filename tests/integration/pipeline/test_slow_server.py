"""A server that misses the declared load: the same model is tried on the next one of the front."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.integration.pipeline.cloud import (
    PATIENCE_SECONDS,
    Cloud,
    eventually,
    twice_as_fast_on_two_threads,
    write_task,
)

pytestmark = pytest.mark.slow

FROZEN_SECONDS, THAWED_SECONDS = 6.0, 0.5
PACE_SECONDS = 3.0
"""One request at a time comes before the load: freezing it too would only take longer."""
LIMIT_MS = 4_000


class FirstServerFrozen:
    """Stops the processes of a run's first server again and again, once it is measured.

    Args:
        is_measured: Whether that is so now.
    """

    def __init__(self, cloud: Cloud, is_measured: Callable[[], bool]) -> None:
        self._cloud, self._is_measured = cloud, is_measured
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.frozen: list[psutil.Process] = []

    def __enter__(self) -> FirstServerFrozen:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_measured():
            if self._done.wait(0.2):
                return
        self.frozen = self._cloud.processes("-m serving")
        self._done.wait(PACE_SECONDS)
        with suppress(psutil.NoSuchProcess):  # it has made way
            while not self._done.wait(THAWED_SECONDS):
                for process in self.frozen:
                    process.suspend()
                self._done.wait(FROZEN_SECONDS)
                for process in self.frozen:
                    process.resume()


def test_a_server_that_is_too_slow_makes_way_for_the_next(cloud: Cloud, tmp_path: Path):
    twice_as_fast_on_two_threads(cloud)
    folder = write_task(
        tmp_path,
        "hurried",
        constraints={"max_p95_latency_ms": LIMIT_MS, "max_training_hours": 0.5},
        preferences={"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
        hosting={"keep": True},
    )
    run_id = cloud.submit(folder)
    with FirstServerFrozen(cloud, lambda: cloud.state(run_id) == "MeasureEndpoint") as freezer:
        row = cloud.finish(run_id, 2 * PATIENCE_SECONDS)  # it is deployed and measured twice
    summary = cloud.summary(run_id)
    assert freezer.frozen
    assert row.status == "succeeded", summary.reason
    first, second = summary.measurements
    assert (first.plan.serving.instance_type, second.plan.serving.instance_type) == (
        "ml.local.cpu1",
        "ml.local.cpu2",
    )
    assert "max_p95_latency_ms" in first.missed
    assert first.load.p95_ms.value > LIMIT_MS >= second.load.p95_ms.value
    assert first.load.p95_ms.enough
    assert second.passed
    described = cloud.stack.sagemaker.describe_endpoint(EndpointName="stratos-hurried")
    assert described["EndpointConfigName"] == second.endpoint_config_name
    trained = [j for j in cloud.jobs(run_id) if "-distill-" in j["TrainingJobName"]]
    assert len(trained) == 1
    cloud.stack.sagemaker.delete_endpoint(EndpointName="stratos-hurried")
    eventually(lambda: not cloud.processes("-m serving"))
