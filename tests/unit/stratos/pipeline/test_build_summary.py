"""What a run came to, from what was found on its way."""

from __future__ import annotations

from stratos.dataset.inspection import Inspection, Lengths
from stratos.pipeline.build_summary import build_summary
from stratos.pipeline.evidence import RunEvidence
from stratos.spec import Spec
from stratos.spec.default_budget import with_default_budget
from tests import factories


def test_what_was_redacted_is_told_by_kind():
    length = Lengths(mean=1, p50=1, p95=1, max=1)
    found = Inspection(
        formats={}, num_lines=150, num_bad_lines=0, bad_lines=(), num_exact_duplicates=0,
        num_near_duplicates=0, num_contradictions=0, num_groups=150,
        num_records={"train": 80, "probe": 20, "heldout": 50}, num_gold=150,
        prompt_characters=length, gold_characters=length, num_distinct_answers=2,
        most_common_answer="a", most_common_share=0.5, workloads={},
        redacted={"email": 7, "ip": 0}, num_redacted_records=5,
    )  # fmt: skip
    run = factories.run_ref()
    evidence = RunEvidence(
        run=run, status="failed", ended_at=run.started_at, hours=1.0, inspection=found
    )
    (note,) = (note for note in build_summary(evidence).notes if "personal data" in note)
    assert note.startswith("personal data became placeholders in 5 records (email ×7, ip ×0)")


def test_a_budget_that_nobody_asked_for_is_marked_as_the_default():
    run = factories.run_ref()
    spec = Spec.model_validate(factories.spec_dict(constraints={"max_training_hours": 2}))
    evidence = RunEvidence(
        run=run,
        status="failed",
        ended_at=run.started_at,
        hours=1.0,
        spec=with_default_budget(spec, 80),
    )
    hours, budget = build_summary(evidence).constraints
    assert (hours.name, hours.by_default) == ("max_training_hours", False)
    assert (budget.name, budget.asked, budget.by_default) == ("max_budget_usd", 80, True)
