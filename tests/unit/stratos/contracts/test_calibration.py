"""Calibration rows of before are read."""

from __future__ import annotations

from stratos.contracts.calibration import CalibrationRow
from tests.unit.stratos.planning.calibrated import row


def test_a_row_from_before_devices_were_counted_is_of_one() -> None:
    old = row(200.0).model_dump(exclude={"num_devices"})
    assert CalibrationRow.model_validate(old) == row(200.0, devices=1)
