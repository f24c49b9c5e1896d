"""The catalog in the bucket: what is on offer here, and what finished runs have taught."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.aws.bucket import Bucket
from stratos.catalog.bedrock_listing import BedrockListing
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import (
    CALIBRATION_KEY,
    REFUSALS_KEY,
    SERVERS_KEY,
    TEACHERS_KEY,
)
from stratos.contracts.calibration import CalibrationRow, read_calibration
from stratos.contracts.regions import RegionRefusal, read_refusals
from stratos.contracts.run import RunRef


@dataclass(frozen=True)
class CatalogFiles:
    """The catalog that the runs of a bucket share."""

    run: RunRef

    def servers(self) -> ServerCatalog:
        """The instance types on offer; those that are shipped where nobody has put others."""
        return self._bucket.find_model(SERVERS_KEY, ServerCatalog) or ServerCatalog.aws()

    def find_bedrock_listing(self) -> BedrockListing | None:
        """The models that Bedrock offers, if they were ever fetched."""
        return self._bucket.find_model(TEACHERS_KEY, BedrockListing)

    def calibration(self) -> tuple[CalibrationRow, ...]:
        """Predicted beside measured, of every run and quantity that teaches something."""
        try:
            text = self._bucket.read(CALIBRATION_KEY).decode()
        except FileNotFoundError:
            return ()
        return tuple(row for row in read_calibration(text) if row.ignored is None)

    def add_calibration(self, rows: Iterable[CalibrationRow]) -> None:
        self._bucket.append_rows(CALIBRATION_KEY, rows)

    def refusals(self) -> tuple[RegionRefusal, ...]:
        """What regions refused to jobs, the oldest first."""
        try:
            return tuple(read_refusals(self._bucket.read(REFUSALS_KEY).decode()))
        except FileNotFoundError:
            return ()

    def add_refusals(self, rows: Iterable[RegionRefusal]) -> None:
        self._bucket.append_rows(REFUSALS_KEY, rows)

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.run.bucket)
