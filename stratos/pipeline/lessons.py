"""What a finished run teaches the planner: predictions beside measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stratos.catalog.images import LOCAL_PREFIX
from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.distillation import DistillResult
from stratos.contracts.match import plan_trained_on
from stratos.contracts.measurements import LoadResult, Measurement
from stratos.contracts.plan import Interval, Plan, Server
from stratos.hosting.modes.table import mode_named
from stratos.measuring.gates import FAILED_REQUESTS
from stratos.pipeline.evidence import RunEvidence

_YIELD_FACTOR = 2.0
"""Between the records of a run and those that were forecast, for its accuracy to count."""


@dataclass(frozen=True)
class _Lesson:
    """One quantity of a plan: predicted, measured, and why it teaches nothing if it does not."""

    plan: Plan
    server: Server
    quantity: str
    predicted: float
    measured: float
    ignored: str | None = None


def calibration_rows(evidence: RunEvidence) -> Iterator[CalibrationRow]:
    """Yield a row for each quantity that was both predicted and measured.

    Only endpoints of the student that the run ended with count, because its size is known. What
    was measured under other conditions than those of the forecast is kept and ignored.
    """
    trained = evidence.distillation
    if evidence.match is None or trained is None:
        return
    for lesson in (*_of_training(evidence), *_of_endpoints(evidence)):
        yield CalibrationRow.model_validate(
            {
                "run_id": evidence.run.run_id,
                "instance_type": lesson.server.instance_type,
                "quantity": lesson.quantity,
                "correction": lesson.plan.calibration.get(lesson.quantity, 1.0),
                "num_parameters": trained.num_parameters,
                "num_devices": lesson.server.devices,
                "predicted": lesson.predicted,
                "measured": lesson.measured,
                "ignored": lesson.ignored,
            }
        )


def _as_planned(measurement: Measurement) -> bool:
    """Whether the planned server answered, within the call.

    Otherwise the time includes a queue, or other processors answered; and a serverless plan is a
    forecast for a stand-in.
    """
    measured, planned = (
        mode_named(name) for name in (measurement.mode, measurement.plan.hosting.mode)
    )
    return measured.in_call and measured.on_instances and planned.on_instances


def _of_training(evidence: RunEvidence) -> Iterator[_Lesson]:
    match, trained = evidence.match, evidence.distillation
    assert match is not None
    assert trained is not None
    plan, server = match.plan, evidence.trained_on or match.plan.training
    # Without capacity on the planned server, training went where another plan forecasts it, if any.
    there = plan_trained_on(match.matching, server)
    if there is not None and trained.num_devices == there.training.devices:
        predicted = there.training_tokens_per_second
        if predicted > 0:
            yield _Lesson(
                there,
                there.training,
                "training_tokens_per_second",
                predicted,
                trained.tokens_per_second,
                trained.contention,
            )
    if evidence.evaluation is not None:
        scored = evidence.evaluation.served_by(plan.engine).student
        predicted, measured = plan.accuracy.value, scored.value
        why = _otherwise_taught(evidence, trained)
        yield _Lesson(plan, plan.training, "accuracy", predicted, measured, why)


def _of_endpoints(evidence: RunEvidence) -> Iterator[_Lesson]:
    match, trained = evidence.match, evidence.distillation
    assert match is not None
    assert trained is not None
    for measurement in evidence.measurements:
        plan, load = measurement.plan, measurement.load
        if measurement.attempt != match.attempt or load is None or not _as_planned(measurement):
            continue
        # Only on this machine is an endpoint where the job was, beside the same programs.
        local = plan.serving.instance_type.startswith(LOCAL_PREFIX)
        why = _contended_before(trained) if local else None
        if FAILED_REQUESTS in measurement.missed:
            why = f"{load.num_failed} of {load.num_requests} requests failed"
        for quantity, predicted, measured in _of_endpoint(plan, load):
            yield _Lesson(plan, plan.serving, quantity, predicted, measured, why)


def _contended_before(trained: DistillResult) -> str | None:
    """Why an endpoint on the same machine is not taken for what the server can do.

    What an endpoint gets of the CPU is not measured. The training just before it stands in.
    """
    if trained.contention is None:
        return None
    return f"{trained.contention}, and what its endpoint got is not known"


def _otherwise_taught(evidence: RunEvidence, trained: DistillResult) -> str | None:
    """Why the student's accuracy is not of the training that was forecast."""
    if trained.cut_short is not None:
        return trained.cut_short
    match, synthesis = evidence.match, evidence.synthesis
    planned = None if match is None else match.plan.num_records
    if planned is None or synthesis is None:
        return None
    if planned / _YIELD_FACTOR <= synthesis.kept <= planned * _YIELD_FACTOR:
        return None
    return f"{synthesis.kept:,} records were learned where {planned:,.0f} were forecast"


def _of_endpoint(plan: Plan, load: LoadResult) -> Iterator[tuple[str, float, float]]:
    """Quantity, predicted, measured."""
    if load.p50_ms is not None and load.p95_ms is not None:
        # Measured at home: a forecast for a farther origin holds more of the network.
        yield "p50_latency_ms", _at_home(plan, "p50_latency_ms"), load.p50_ms.value
        yield "p95_latency_ms", _at_home(plan, "p95_latency_ms"), load.p95_ms.value
    if load.pace is not None:
        pace = load.pace
        predicted = plan.prefill_tokens_per_second
        yield "prefill_tokens_per_second", predicted, pace.prefill_tokens_per_second
        predicted = plan.decode_tokens_per_second
        yield "decode_tokens_per_second", predicted, pace.decode_tokens_per_second


def _at_home(plan: Plan, quantity: Literal["p50_latency_ms", "p95_latency_ms"]) -> float:
    forecast: Interval = getattr(plan, quantity)
    return forecast.value - plan.beyond_home_ms * plan.calibration.get(quantity, 1.0)
