"""What a finished run teaches the planner: predictions beside measurements."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.match import plan_trained_on
from stratos.contracts.measurements import LoadResult, Measurement
from stratos.contracts.plan import Plan, Server
from stratos.hosting.modes.table import mode_named
from stratos.pipeline.evidence import RunEvidence


def calibration_rows(evidence: RunEvidence) -> Iterator[CalibrationRow]:
    """Yield a row for each quantity that was both predicted and measured.

    Only endpoints of the student that the run ended with count, because its size is known.
    """
    match, trained = evidence.match, evidence.distillation
    if match is None or trained is None:
        return
    found = list(_of_training(evidence))
    for measurement in evidence.measurements:
        plan, load = measurement.plan, measurement.load
        if measurement.attempt == match.attempt and load is not None and _as_planned(measurement):
            found += [(plan, plan.serving, *pair) for pair in _of_endpoint(plan, load)]
    for plan, server, quantity, predicted, measured in found:
        yield CalibrationRow.model_validate(
            {
                "run_id": evidence.run.run_id,
                "instance_type": server.instance_type,
                "quantity": quantity,
                "correction": plan.calibration.get(quantity, 1.0),
                "num_parameters": trained.num_parameters,
                "num_devices": server.devices,
                "predicted": predicted,
                "measured": measured,
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


def _of_training(evidence: RunEvidence) -> Iterator[tuple[Plan, Server, str, float, float]]:
    """Plan, its training server, quantity, predicted, measured."""
    match, trained = evidence.match, evidence.distillation
    assert match is not None
    assert trained is not None
    plan, server = match.plan, evidence.trained_on or match.plan.training
    # Without capacity on the planned server, training went where another plan forecasts it, if any.
    there = plan_trained_on(match.matching, server)
    if there is not None and trained.num_devices == there.training.devices:
        predicted = there.training_tokens_per_second
        if predicted > 0:
            quantity = "training_tokens_per_second"
            yield there, there.training, quantity, predicted, trained.tokens_per_second
    if evidence.evaluation is not None:
        scored = evidence.evaluation.served_by(plan.engine).student
        yield plan, plan.training, "accuracy", plan.accuracy.value, scored.value


def _of_endpoint(plan: Plan, load: LoadResult) -> Iterator[tuple[str, float, float]]:
    """Quantity, predicted, measured."""
    if load.p50_ms is not None and load.p95_ms is not None:
        yield "p50_latency_ms", plan.p50_latency_ms.value, load.p50_ms.value
        yield "p95_latency_ms", plan.p95_latency_ms.value, load.p95_ms.value
    if load.pace is not None:
        pace = load.pace
        predicted = plan.prefill_tokens_per_second
        yield "prefill_tokens_per_second", predicted, pace.prefill_tokens_per_second
        predicted = plan.decode_tokens_per_second
        yield "decode_tokens_per_second", predicted, pace.decode_tokens_per_second
