"""What home keeps of a run's jobs in other regions: how each stood, and what was moved for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lambdas.aws.bucket import Bucket
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere, Transfer


@dataclass(frozen=True)
class ElsewhereFiles:
    """Files of one run in the home bucket, which a worker reaches from its region."""

    bucket: Bucket
    run_id: str

    def find_job(self, name: str) -> JobElsewhere | None:
        return self.bucket.find_model(self._keys.job_elsewhere(name), JobElsewhere)

    def put_job(self, job: JobElsewhere) -> None:
        self.bucket.put_model(self._keys.job_elsewhere(job.name), job)

    def jobs(self) -> list[JobElsewhere]:
        """All of them, as they were last heard of."""
        keys = [item.key for item in self.bucket.list(self._keys.elsewhere)]
        return [self.bucket.read_model(key, JobElsewhere) for key in keys]

    def transfers_of(self, job_name: str) -> list[Transfer]:
        """What was copied for one job."""
        try:
            return self.bucket.read_rows(self._keys.transfers_of(job_name), Transfer)
        except FileNotFoundError:
            return []

    def transfers_by_name(self) -> dict[str, list[Transfer]]:
        """What was copied for each job or endpoint."""
        keys = [item.key for item in self.bucket.list(self._keys.transfers)]
        return {PurePosixPath(key).stem: self.bucket.read_rows(key, Transfer) for key in keys}

    def transfers(self) -> list[Transfer]:
        return [row for rows in self.transfers_by_name().values() for row in rows]

    def add_transfers(self, job_name: str, transfers: Sequence[Transfer]) -> None:
        self.bucket.append_rows(self._keys.transfers_of(job_name), transfers)

    @property
    def _keys(self) -> RunKeys:
        return RunKeys(self.run_id)
