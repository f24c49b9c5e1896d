"""What a run has staged in several regions, and what it did there under load."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.aws.bucket import Bucket
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRef
from stratos.pipeline.region_endpoints import RegionLoad, StagedFleet


@dataclass(frozen=True)
class StagedFiles:
    """Files of one run about its endpoints in several regions."""

    run: RunRef
    bucket: Bucket
    """Home's, or that of a region which has copies of its own."""

    @classmethod
    def of(cls, run: RunRef) -> StagedFiles:
        """Those at home."""
        return cls(run, Bucket(run.bucket))

    def fleet(self) -> StagedFleet:
        return self.bucket.read_model(self._keys.staged, StagedFleet)

    def find_fleet(self) -> StagedFleet | None:
        """None before anything was staged."""
        return self.bucket.find_model(self._keys.staged, StagedFleet)

    def put_fleet(self, fleet: StagedFleet) -> str:
        return self.bucket.put_model(self._keys.staged, fleet)

    def put_token(self, name: str, region: str, token: str) -> str:
        """Keep the task token by which home waits for an endpoint. Returns its key."""
        key = self._keys.token_of(name, region)
        self.bucket.put(key, token, "text/plain")
        return key

    def find_load(self, name: str, region: str) -> RegionLoad | None:
        """What an endpoint did under load; None before it was measured."""
        return self.bucket.find_model(self._keys.load_in(name, region), RegionLoad)

    def put_load(self, name: str, found: RegionLoad) -> str:
        return self.bucket.put_model(self._keys.load_in(name, found.region), found)

    @property
    def _keys(self) -> RunKeys:
        return RunKeys(self.run.run_id)
