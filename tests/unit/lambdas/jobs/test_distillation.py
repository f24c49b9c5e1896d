"""What a plan tells the jobs that carry it out."""

from __future__ import annotations

from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import DistillConfig, EvaluateConfig
from stratos.contracts.match import MatchEvidence
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def test_jobs_export_in_full_and_as_planned_and_score_in_the_engine_of_the_plan(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    match = MatchEvidence.model_validate_json(account.read(keys.match))
    engine = match.plan.engine
    assert engine is not None

    distill = DistillConfig.model_validate_json(
        account.read(keys.job_config("distill-a0") + "config.json")
    )
    evaluate = EvaluateConfig.model_validate_json(
        account.read(keys.job_config("evaluate-a0") + "config.json")
    )
    assert evaluate.engine == engine
    full, *quantised = distill.gguf
    assert full in ("float32", "float16")
    assert quantised == ([engine.precision] if engine.is_quantised else [])
