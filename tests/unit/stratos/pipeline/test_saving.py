"""What the student saves against today's teacher, or why that cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.models import bedrock_teachers
from stratos.dataset.inspection import Lengths, TokenLengths
from stratos.pipeline.build_summary import build_summary
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.saving import monthly_saving
from tests import factories
from tests.summaries import inspection, plan, plan_set

OPENAI: dict[str, Any] = {
    "kind": "openai",
    "base_url": "https://api.example.com/v1",
    "model": "large",
    "input_usd_per_million_tokens": 3.0,
    "output_usd_per_million_tokens": 15.0,
}
LOAD = {
    "requests_per_second": 2,
    "active_hours_per_day": 12,
    "prompt_tokens": 400,
    "output_tokens": 100,
}


def evidence(teacher: dict[str, Any] | None = OPENAI, load: dict[str, Any] = LOAD) -> RunEvidence:
    sections: dict[str, Any] = {"load": load}
    if teacher is not None:
        sections["teachers"] = [teacher]
    run = factories.run_ref()
    return RunEvidence(
        run=run,
        status="failed",
        ended_at=run.started_at,
        hours=1.0,
        spec=factories.spec(**sections),
        inspection=inspection(),
    )


def chosen(teacher: str) -> Any:
    return plan("a").model_copy(update={"teacher": teacher})


def test_a_month_of_the_load_is_priced_at_the_teacher_and_compared_with_hosting() -> None:
    saving = monthly_saving(evidence(), chosen("large"), 800.0)
    # 2 a second in 12 of 24 hours of 730; 400 × $3 and 100 × $15 for a million tokens.
    assert saving.requests_per_month == pytest.approx(2 * 3600 * 365)
    assert saving.teacher_usd_per_month == pytest.approx(2 * 3600 * 365 * 0.0027)
    assert saving.usd_per_month == pytest.approx(7095.6 - 800)
    assert not saving.is_forecast


def test_a_loss_is_told_as_one_and_what_is_not_in_service_is_a_forecast() -> None:
    rare = LOAD | {"requests_per_second": 0.001}
    saving = monthly_saving(evidence(load=rare), chosen("large"), None)
    assert saving.hosting_usd_per_month == 80
    assert saving.usd_per_month < 0
    assert saving.is_forecast


def test_tokens_that_the_spec_does_not_declare_are_those_of_the_dataset() -> None:
    known = evidence(load={"requests_per_second": 2})
    length = Lengths(mean=50, p50=50, p95=60, max=70)
    tokens = TokenLengths(
        counted_by=None,
        num_records=10,
        prompts=length,
        replies=length.model_copy(update={"mean": 8.0}),
    )
    known.inspection = inspection().model_copy(update={"tokens": tokens})
    saving = monthly_saving(known, chosen("large"), 1.0)
    assert (saving.prompt_tokens, saving.output_tokens) == (50, 8)
    known.inspection = inspection()
    with pytest.raises(ValueError, match=r"give `load.prompt_tokens` and `load.output_tokens`"):
        monthly_saving(known, chosen("large"), 1.0)


def test_a_teacher_that_the_spec_does_not_name_has_the_price_of_the_catalog() -> None:
    name, row = next(iter(bedrock_teachers().items()))
    saving = monthly_saving(evidence(teacher=None), chosen(name), 1.0)
    assert saving.output_usd_per_million_tokens == row.output_usd_per_million_tokens


@pytest.mark.parametrize(
    ("teacher", "name", "why"),
    [
        ({"kind": "logs"}, "logs", "the model that wrote the logs is not known; give"),
        ({"kind": "weights", "path": "models/t"}, "t", "no price per token"),
        (None, "nobody.knows-v1", "nobody.knows-v1 has no price in the catalog"),
        (
            OPENAI | {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0},
            "large",
            "the price of large is not known; give",
        ),
    ],
    ids=["logs", "weights", "unlisted", "unpriced"],
)
def test_a_saving_that_cannot_be_told_says_what_to_give(
    teacher: dict[str, Any] | None, name: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        monthly_saving(evidence(teacher), chosen(name), 1.0)


def test_logs_may_say_what_the_model_that_wrote_them_costs() -> None:
    priced = {"kind": "logs", "input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}
    saving = monthly_saving(evidence(priced), chosen("logs"), 1.0)
    assert saving.input_usd_per_million_tokens == 1


def test_the_summary_has_the_saving_or_why_there_is_none() -> None:
    known = evidence()
    assert (build_summary(known).saving, build_summary(known).saving_unknown) == (None, None)
    known.plans = plan_set().model_copy(update={"chosen": chosen("large")})
    found = build_summary(known).saving
    assert found is not None
    assert found.teacher == "large"
    known.plans = plan_set()
    assert "no price in the catalog" in (build_summary(known).saving_unknown or "")
