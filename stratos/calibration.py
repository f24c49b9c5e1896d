"""What a finished run teaches the planner: predicted beside measured."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.outcome import RunEvidence
from stratos.planning.request import CalibrationRow


def calibration_rows(evidence: RunEvidence) -> Iterator[CalibrationRow]:
    """Yield a row for each quantity that was both predicted and measured."""
    match, trained = evidence.match, evidence.distillation
    if match is None or trained is None:
        return
    plan = match.plan
    for quantity, predicted, measured in _pairs(evidence):
        serving = quantity not in ("training_tokens_per_second", "accuracy")
        yield CalibrationRow.model_validate(
            {
                "run_id": evidence.run.run_id,
                "instance_type": (plan.serving if serving else plan.training).instance_type,
                "quantity": quantity,
                "correction": plan.calibration.get(quantity, 1.0),
                "num_parameters": trained.num_parameters,
                "predicted": predicted,
                "measured": measured,
            }
        )


def _pairs(evidence: RunEvidence) -> Iterator[tuple[str, float, float]]:
    """Quantity, predicted, measured."""
    match, trained, load = evidence.match, evidence.distillation, evidence.load
    assert match is not None
    assert trained is not None
    plan = match.plan
    if plan.training_tokens_per_second > 0:
        predicted = plan.training_tokens_per_second
        yield "training_tokens_per_second", predicted, trained.tokens_per_second
    deployment = evidence.deployment
    if deployment is not None and deployment.hosting.mode != "realtime":
        load = None  # a queue's time, or processors that are not the planned server's
    if load is not None and load.num_failed < load.num_requests:
        yield "p50_latency_ms", plan.p50_latency_ms.value, load.p50_ms.value
        yield "p95_latency_ms", plan.p95_latency_ms.value, load.p95_ms.value
    if load is not None and load.pace is not None:
        pace = load.pace
        predicted = plan.prefill_tokens_per_second
        yield "prefill_tokens_per_second", predicted, pace.prefill_tokens_per_second
        predicted = plan.decode_tokens_per_second
        yield "decode_tokens_per_second", predicted, pace.decode_tokens_per_second
    if evidence.evaluation is not None:
        yield "accuracy", plan.accuracy.value, evidence.evaluation.student.value
