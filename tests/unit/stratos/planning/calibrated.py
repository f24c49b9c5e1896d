"""What finished runs teach, for tests."""

from __future__ import annotations

from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Matching, PlanSet
from stratos.pipeline.evidence import RunEvidence
from tests import factories

SPEED = "training_tokens_per_second"


def row(
    measured: float,
    predicted: float = 100.0,
    quantity: str = SPEED,
    instance_type: str = "ml.g5.xlarge",
    parameters: int = 500_000_000,
    applied: float = 1.0,
    devices: int = 1,
) -> CalibrationRow:
    return CalibrationRow.model_validate(
        {
            "run_id": "r",
            "instance_type": instance_type,
            "quantity": quantity,
            "num_parameters": parameters,
            "num_devices": devices,
            "predicted": predicted,
            "measured": measured,
            "correction": applied,
        }
    )


def run_evidence(
    run_id: str, plans: PlanSet, tokens_per_second: float, devices: int = 1
) -> RunEvidence:
    """A run that trained as its plan says, but at another pace."""
    run = factories.run_ref().model_copy(update={"run_id": run_id})
    distilled = factories.distill_result().model_copy(
        update={
            "tokens_per_second": tokens_per_second,
            "num_parameters": 500_000_000,
            "num_devices": devices,
        }
    )
    matching = Matching(plan=plans.chosen, strategy="injection", reason="simulated", plans=plans)
    return RunEvidence(
        run=run,
        status="succeeded",
        ended_at=run.started_at,
        hours=1.0,
        match=MatchEvidence(
            attempt=0,
            matching=matching,
            probes=(),
            dropped={},
            tried=(),
            spent_usd=0.0,
            spent_hours=0.0,
        ),
        distillation=distilled,
    )
