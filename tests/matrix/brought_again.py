"""What a job has made in one run, brought to the next run of its scenario in the job's place.

A run takes most of its time for jobs that are not struck. Each job's files are kept once it has
done well: what it put under its run's prefix, its model and its output data. A later job of the
same step, scenario and region then has a process that does nothing, and the files, under its own
run's name, put there by its own rights.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.local.host.log_stream import LogStream
from infra.local.host.patching import Patches
from infra.local.host.process import LoggedProcess
from infra.local.host.transfers import list_keys, split_uri
from infra.local.sagemaker.training.first_process import FirstProcess
from infra.local.sagemaker.training.run import JobRun
from stratos.contracts.bucket import TAGGED_AS_RECORDS
from tests.matrix.orders import Orders

_SECONDS = 60.0
_RUN = "{run}"
"""Stands for the run's name in texts."""
_BESIDE = {"synthesize": "records/", "inspect": "dataset/"}
"""Step → where its job puts something that is not its own alone."""


def bring_again(patches: Patches, orders: Orders, folder: Path) -> None:
    """From now on keep what jobs make in `folder`, and bring it where orders allow that."""

    def execute(run: JobRun, first: FirstProcess, log: LogStream) -> bool:
        made = _Made(run)
        scenario, keeps, steps = orders.scenario()
        if not scenario:
            return bool(original(run, first, log))
        kept = folder / scenario / run._session.region / made.label
        if kept.is_dir() and not made.label.startswith(steps):
            run._process = LoggedProcess(
                ["true"], directory=run._root.path, environment={}, sink=log
            )
            made.put(kept)
            run._process.wait(_SECONDS)
            run._process.finish()
            return False
        ran_out = bool(original(run, first, log))
        assert run._process is not None
        went_well = run._process.returncode() == 0 and not ran_out
        if keeps and went_well and not run.job.stop_requested.is_set():
            made.keep(kept)
        return ran_out

    original = patches.replace(JobRun, "_execute", execute)


class _Made:
    """The files of one job, in the bucket and on its disk."""

    def __init__(self, run: JobRun) -> None:
        self._root, self._own = run._root, run._clients.s3
        self._s3 = run._clients.in_region(run._session.region).s3
        self._bucket, prefix = split_uri(run.job.request.output_data_config.s3_output_path)
        self._prefix = prefix.rstrip("/").rpartition("/")[0] + "/"
        self._run_id = self._prefix.rstrip("/").rpartition("/")[2]
        name = run.job.training_job_name
        self.label = name.removeprefix(f"{self._run_id}-").rpartition("-")[0]
        """Its step and attempt at a student, as `distill-a0`."""

    def keep(self, target: Path) -> None:
        draft = target.with_name(f"{target.name}.{self._run_id}")
        for key in list_keys(self._s3, self._bucket, self._prefix):
            inner = key.removeprefix(self._prefix)
            if not self._has_made(inner):
                continue
            file = draft / "objects" / inner
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        for name in ("model", "output_data"):
            shutil.copytree(getattr(self._root, name), draft / name)
        _rename(draft, self._run_id, _RUN)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)

    def _has_made(self, inner: str) -> bool:
        mine, shard = f"jobs/{self.label}/", f"shards/{self.label}/"
        step = self.label.partition("-")[0]
        if inner.startswith((shard, _BESIDE.get(step, shard))):
            return True
        return inner.startswith(mine) and not inner.startswith(f"{mine}config/")

    def put(self, kept: Path) -> None:
        mine = self._root.path / "brought"
        shutil.copytree(kept, mine)
        _rename(mine, _RUN, self._run_id)
        for file in (mine / "objects").rglob("*"):
            if file.is_file():
                inner = str(file.relative_to(mine / "objects"))
                records = not inner.startswith("jobs/") and file.suffix == ".jsonl"
                tags = {"Tagging": TAGGED_AS_RECORDS} if records else {}
                key, body = self._prefix + inner, file.read_bytes()
                self._own.put_object(Bucket=self._bucket, Key=key, Body=body, **tags)
        for name in ("model", "output_data"):
            shutil.copytree(mine / name, getattr(self._root, name), dirs_exist_ok=True)


def _rename(folder: Path, before: str, now: str) -> None:
    """Put one run's name for another's in every text."""
    for file in folder.rglob("*.json*"):
        file.write_bytes(file.read_bytes().replace(before.encode(), now.encode()))
