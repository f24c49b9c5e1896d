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
    run_id, parameters = evidence.run.run_id, trained.num_parameters
    if plan.training_tokens_per_second > 0:
        yield CalibrationRow(
            run_id=run_id,
            instance_type=plan.training.instance_type,
            quantity="training_tokens_per_second",
            correction=plan.calibration.get("training_tokens_per_second", 1.0),
            num_parameters=parameters,
            predicted=plan.training_tokens_per_second,
            measured=trained.tokens_per_second,
        )
    if evidence.load is not None and evidence.load.num_failed < evidence.load.num_requests:
        yield CalibrationRow(
            run_id=run_id,
            instance_type=plan.serving.instance_type,
            quantity="p95_latency_ms",
            correction=plan.calibration.get("p95_latency_ms", 1.0),
            num_parameters=parameters,
            predicted=plan.p95_latency_ms.value,
            measured=evidence.load.p95_ms.value,
        )
    if evidence.evaluation is not None:
        yield CalibrationRow(
            run_id=run_id,
            instance_type=plan.training.instance_type,
            quantity="accuracy",
            correction=plan.calibration.get("accuracy", 1.0),
            num_parameters=parameters,
            predicted=plan.accuracy.value,
            measured=evidence.evaluation.student.value,
        )
