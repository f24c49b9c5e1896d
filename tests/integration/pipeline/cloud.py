"""The whole pipeline in an embedded cloud of its own, on a small slice of the Mahjong example."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml

from infra.local.cli import bring_up
from infra.local.daemon import stop
from infra.local.host.settings import LocalSettings
from stratos.catalog.local import measure_local_servers
from stratos.catalog.servers import ServerCatalog
from stratos.cli.runs import find_run, latest_progress, read_object, read_summary
from stratos.cli.stack import Stack
from stratos.cli.submit import submit
from stratos.contracts.bucket import SERVERS_KEY
from stratos.contracts.run import RunRow
from stratos.errors import RunNotFound
from stratos.pipeline.summary import RunSummary
from tests import patience

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "mahjong-waits"
ASSEMBLY = ROOT / "cdk.out"
PATIENCE_SECONDS = 600.0
"""Without anything moving."""
NUM_STEPS = 10
_RUN_PAUSE_SECONDS = 1.0
"""A look at a run is five requests, which the cloud answers on the same cores as the run."""

servers_of_this_machine = cache(measure_local_servers)
"""Measured once: every cloud of these tests is on the same machine."""


class Cloud:
    """A running cloud, and what tests ask of it."""

    def __init__(self, settings: LocalSettings, url: str, assembly: Path = ASSEMBLY) -> None:
        self.settings = settings
        self.url = url
        self.assembly = assembly
        self.stack = Stack.find()

    def client(self, service: str) -> Any:
        return boto3.client(service)

    def submit(self, folder: Path) -> str:
        return submit(self.stack, folder, lambda file: None).run_id

    def row(self, run_id: str) -> RunRow | None:
        try:
            return find_run(self.stack, run_id)
        except RunNotFound:
            return None

    def finish(self, run_id: str, seconds: float = PATIENCE_SECONDS) -> RunRow:
        """Wait for a run's final status, as long as it gets on."""

        def finished() -> RunRow | None:
            row = self.row(run_id)
            return row if row is not None and row.finished else None

        row: RunRow = eventually(
            finished, seconds, _RUN_PAUSE_SECONDS, doing=lambda: self.doing(run_id)
        )
        return row

    def doing(self, run_id: str) -> tuple[object, ...]:
        """What a run is at: its state, and how far its job says to have come."""
        progress = latest_progress(self.stack, run_id)
        told = None if progress is None else (progress.label, progress.done, progress.total)
        return self.state(run_id), told

    def summary(self, run_id: str) -> RunSummary:
        summary = read_summary(self.stack, run_id)
        assert summary is not None
        return summary

    def read_json(self, key: str) -> Any:
        text = read_object(self.stack, key)
        return None if text is None else json.loads(text)

    def keys(self, prefix: str) -> list[str]:
        pages = self.stack.s3.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.stack.bucket, Prefix=prefix)
        return [item["Key"] for page in found for item in page.get("Contents", ())]

    def executions(self) -> list[dict[str, Any]]:
        listed = self.stack.states.list_executions(stateMachineArn=self.stack.state_machine_arn)
        return list(listed["executions"])

    def jobs(self, run_id: str) -> list[dict[str, Any]]:
        """Every training job of a run, oldest first."""
        listed = self.stack.sagemaker.list_training_jobs(NameContains=run_id, MaxResults=100)
        names = [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]
        described = [
            self.stack.sagemaker.describe_training_job(TrainingJobName=name) for name in names
        ]
        return sorted(described, key=lambda job: job["CreationTime"])

    def billable(self, region: str | None = None) -> dict[str, list[str]]:
        """What would be on the bill of a region now: running jobs, and endpoints.

        Args:
            region: Home, if None.
        """
        sagemaker = boto3.client("sagemaker", region_name=region or self.settings.regions[0])
        jobs = []
        for status in ("InProgress", "Stopping"):
            for kind in ("training", "transform"):
                listed = getattr(sagemaker, f"list_{kind}_jobs")(StatusEquals=status)
                summaries = listed[f"{kind.title()}JobSummaries"]
                jobs += [job[f"{kind.title()}JobName"] for job in summaries]
        return {
            "jobs": jobs,
            "endpoints": [e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]],
        }

    def state(self, run_id: str) -> str | None:
        """The state a run's execution is in; None also after a cloud that had it was killed."""
        row = self.row(run_id)
        if row is None or row.execution_arn is None:
            return None
        try:
            history = self.stack.states.get_execution_history(
                executionArn=row.execution_arn, reverseOrder=True, maxResults=50
            )
        except self.stack.states.exceptions.ExecutionDoesNotExist:
            return None
        entered = (e.get("stateEnteredEventDetails") for e in history["events"])
        return next((str(e["name"]) for e in entered if e), None)

    def processes(self, program: str) -> list[psutil.Process]:
        """Processes of this cloud whose command line names a program.

        With a space after it, those whose program has no longer name.
        """
        home = str(self.settings.state_dir)
        found = []
        for process in psutil.process_iter():
            try:
                words = "".join(f"{word} " for word in process.cmdline())
                if program in words and process.cwd().startswith(home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def notifications(self) -> Callable[[], list[str]]:
        """Subscribe to the topic; returns a reader of the subjects published since."""
        sqs, sns = self.client("sqs"), self.client("sns")
        outputs = self.client("cloudformation").describe_stacks(StackName="Stratos")["Stacks"][0]
        topic = next(o["OutputValue"] for o in outputs["Outputs"] if o["OutputKey"] == "TopicArn")
        url = sqs.create_queue(QueueName=f"listener-{time.monotonic_ns()}")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
        subjects: list[str] = []

        def read() -> list[str]:
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in received.get("Messages", ()):
                subjects.append(str(json.loads(message["Body"])["Subject"]))
            return subjects

        return read


def eventually(
    ask: Callable[[], Any],
    seconds: float = PATIENCE_SECONDS,
    pause: float = 0.2,
    doing: Callable[[], object] | None = None,
) -> Any:
    """Ask until the answer is true; a whole run takes its time."""
    return patience.eventually(ask, doing=doing, seconds=seconds, pause=pause)


@contextmanager
def running_cloud(state_dir: Path, assembly: Path = ASSEMBLY, **options: Any) -> Iterator[Cloud]:
    """An embedded cloud with the template deployed, gone in the end with all its processes.

    Args:
        assembly: The synthesized stacks, of one region or of several.
        options: Further settings, such as `regions`.
    """
    assert assembly.is_dir(), "no cdk.out; run `make synth`"
    settings = LocalSettings(state_dir=state_dir, **options)
    before = dict(os.environ)
    try:
        url, _ = bring_up(settings, assembly, measure=servers_of_this_machine)
        os.environ.update(settings.client_environment(url))
        boto3.setup_default_session()  # with the credentials of this cloud
        yield Cloud(settings, url, assembly)
    finally:
        stop(settings)
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def write_task(folder: Path, name: str, num_rows: int = 1000, **changes: Any) -> Path:
    """A folder with the example's easiest hands, learned in a few steps, and a spec to match.

    Args:
        num_rows: At most so many hands; there are about 200 that wait for one honour alone.
        changes: Top-level fields of the spec to replace; None removes one.
    """
    spec = yaml.safe_load((EXAMPLE / "spec.yaml").read_text())
    spec["name"] = name
    spec["task"] |= {"probe_records": 20, "heldout_records": 50, "max_reply_tokens": 100}
    spec["constraints"] = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2}
    spec["load"] = {"requests_per_second": 4, "measure_seconds": 2}
    spec["synthesis"] |= {"samples": 1, "min_yield": 0.0, "min_records": 1}
    spec["training"] |= {"max_steps": NUM_STEPS}
    spec |= changes
    spec = {field: value for field, value in spec.items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    lines = (EXAMPLE / "dataset.jsonl").read_text().splitlines()
    easy = [line for line in lines if re.fullmatch(r"z\d", json.loads(line)["completion"])]
    (folder / "dataset.jsonl").write_text("\n".join(easy[:num_rows]) + "\n")
    shutil.copy(EXAMPLE / "checker.py", folder)
    for model in ("teacher", "student-base"):
        target = folder / "models" / model
        if not target.exists():
            shutil.copytree(EXAMPLE / "models" / model, target)
    return folder


def twice_as_fast_on_two_threads(cloud: Cloud) -> None:
    """Two threads are forecast to be faster, whatever else this machine does now."""
    catalog = ServerCatalog.model_validate(cloud.read_json(SERVERS_KEY))
    one = catalog["ml.local.cpu1"]
    two = catalog["ml.local.cpu2"].model_copy(
        update={
            "tflops_32bit": 2 * (one.tflops_32bit or 0.0),
            "memory_bandwidth_gb_per_s": 2 * (one.memory_bandwidth_gb_per_s or 0.0),
        }
    )
    body = catalog.with_types(two).model_dump_json().encode()
    cloud.stack.s3.put_object(Bucket=cloud.stack.bucket, Key=SERVERS_KEY, Body=body)
