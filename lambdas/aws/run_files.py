"""A run's own files in its bucket, each behind a door that knows its key and its type."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.aws.bucket import Bucket
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import DEPLOYMENT, Deployment


@dataclass(frozen=True)
class RunFiles:
    """The files of one run. What must be there raises FileNotFoundError where it is not."""

    run: RunRef

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.run.bucket)

    @property
    def keys(self) -> RunKeys:
        return RunKeys(self.run.run_id)

    def find_deployment(self) -> Deployment | None:
        """What the run has put into service, or would have."""
        return find_deployment(self.run.bucket, self.run.run_id)

    def put_deployment(self, deployment: Deployment) -> None:
        self.bucket.put_model(self.keys.deployment, deployment)


def find_deployment(bucket: str, run_id: str) -> Deployment | None:
    """What a run has put into service, or would have; None where it came not so far."""
    try:
        return DEPLOYMENT.validate_json(Bucket(bucket).read(RunKeys(run_id).deployment))
    except FileNotFoundError:
        return None
