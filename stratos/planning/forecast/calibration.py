"""What finished runs teach: robust, shrunken factors on predicted quantities.

Each row's log(measured / uncorrected prediction) is one observation of a factor that is near 1
before anything is known: prior N(0, relative_sd²), run-to-run noise, and more variance for rows of
another instance type, number of devices or model size. The estimate is the posterior mean with
Tukey's biweight on the rows, so one absurd row has no weight while several that agree are believed.
Accuracy is corrected in log-odds instead of logs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stratos.catalog.images import runtime_of
from stratos.contracts.calibration import CalibrationRow

NOISE_SD = 0.15
"""Of the log ratio, from run to run on one server."""
ACCURACY_NOISE_SD = 0.4
"""Of the log-odds, from run to run. Rows are of other tasks, datasets and numbers of held-out
questions, so that no number of them makes a forecast surer than this; assumed."""
OTHER_TYPE_SD = 0.25
"""More, for a row of another instance type with the same runtime."""
OTHER_DEVICES_SD = 0.25
"""More, for a row of another number of devices, whose traffic differs."""
SIZE_SD = 0.1
"""More, per e-fold between the models' parameter counts."""
_CUTOFF_SDS = 4.0
_ROUNDS = 50


@dataclass(frozen=True)
class Correction:
    """A factor on a prediction, and the standard deviation of log(measured / corrected)."""

    factor: float
    sd: float


def correction(
    rows: Sequence[CalibrationRow],
    quantity: str,
    instance_type: str,
    num_parameters: float,
    prior_sd: float,
    prior_factor: float = 1.0,
    num_devices: int = 1,
) -> Correction:
    """Estimate the factor of one quantity on one instance type, for a model of one size.

    Args:
        prior_factor: The factor to expect from other quantities; 1 if they say nothing.
        num_devices: That work together.
    """
    expected = math.log(prior_factor)
    logs: list[float] = []
    variances: list[float] = []
    own: list[bool] = []
    noise = ACCURACY_NOISE_SD if quantity == "accuracy" else NOISE_SD
    for row in rows:
        if row.quantity != quantity or not _related(row, instance_type, quantity):
            continue
        log = _log_ratio(row)
        if log is None:
            continue
        of_server = quantity != "accuracy"
        size_gap = SIZE_SD * abs(math.log(row.num_parameters / num_parameters))
        variance = noise**2 + size_gap**2
        if of_server and row.instance_type != instance_type:
            variance += OTHER_TYPE_SD**2
        if of_server and row.num_devices != num_devices:
            variance += OTHER_DEVICES_SD**2
        logs.append(log - expected)
        variances.append(variance)
        own.append(
            not of_server or (row.instance_type, row.num_devices) == (instance_type, num_devices)
        )
    mean, variance = _posterior(logs, variances, own, prior_sd)
    return Correction(math.exp(expected + mean), math.sqrt(variance + noise**2))


def _posterior(
    logs: Sequence[float], variances: Sequence[float], own: Sequence[bool], prior_sd: float
) -> tuple[float, float]:
    """Mean and variance of the log factor by iteratively reweighted least squares."""
    prior_precision = 1 / prior_sd**2
    if not logs:
        return 0.0, prior_sd**2
    cutoff = _CUTOFF_SDS * math.hypot(prior_sd, NOISE_SD)
    ranked = sorted([*logs, 0.0])
    middle = len(ranked) // 2
    mean = ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2
    precision = prior_precision
    for _ in range(_ROUNDS):
        weights = [
            max(0.0, 1 - ((log - mean) / cutoff) ** 2) ** 2 / variance
            for log, variance in zip(logs, variances, strict=True)
        ]
        # However many rows another type or number of devices has, their shared difference remains.
        foreign = sum(w for w, mine in zip(weights, own, strict=True) if not mine)
        scale = min(1.0, OTHER_TYPE_SD**-2 / foreign) if foreign else 1.0
        weights = [w if mine else w * scale for w, mine in zip(weights, own, strict=True)]
        precision = prior_precision + sum(weights)
        updated = sum(w * log for w, log in zip(weights, logs, strict=True)) / precision
        if abs(updated - mean) < 1e-9:
            break
        mean = updated
    return mean, 1 / precision


def _related(row: CalibrationRow, instance_type: str, quantity: str) -> bool:
    return quantity == "accuracy" or runtime_of(row.instance_type) == runtime_of(instance_type)


def _log_ratio(row: CalibrationRow) -> float | None:
    """None for a row that says nothing: a value that is zero, negative, or not finite."""
    if row.quantity == "accuracy":
        predicted, measured = log_odds(row.predicted), log_odds(row.measured)
        return measured - predicted + math.log(row.correction)
    values = (row.predicted, row.measured, row.correction)
    if not all(math.isfinite(v) and v > 0 for v in values) or row.num_parameters <= 0:
        return None
    return math.log(row.measured * row.correction / row.predicted)


def log_odds(share: float) -> float:
    """log(p / (1 − p)), with p kept 0.5% away from 0 and 1."""
    clipped = min(max(share, 0.005), 0.995)
    return math.log(clipped / (1 - clipped))


def from_log_odds(value: float) -> float:
    return 1 / (1 + math.exp(-value))
