"""What whoever pays reads first."""

from __future__ import annotations

from stratos.pipeline.summary import RunSummary, Saving
from stratos.report.headline import Card, cards, saving_computed
from tests.summaries import succeeded_run

SAVING = Saving(
    teacher="large",
    requests_per_month=2_628_000,
    prompt_tokens=400,
    output_tokens=100,
    input_usd_per_million_tokens=3,
    output_usd_per_million_tokens=15,
    teacher_usd_per_month=7095.6,
    hosting_usd_per_month=800,
    is_forecast=False,
)


def named(run: RunSummary) -> dict[str, Card]:
    return {card.title.split()[0]: card for card in cards(run)}


def test_a_saving_says_what_each_side_costs_and_when_the_run_is_paid_back() -> None:
    card = named(succeeded_run(saving=SAVING, total_usd=210.0))["Saving"]
    assert (card.figure, card.badge, card.verdict) == ("$6,296 less a month", "good", "a saving")
    assert card.told[0].startswith("large would cost $7,096 a month, the student's hosting")
    # 210 of 6,296 dollars: a thirtieth of a month of 730 hours.
    assert card.told[1] == "The $210.00 of this run come back in 24 h 21 min."


def test_a_loss_is_called_one_and_says_from_which_load_on_there_would_be_none() -> None:
    rare = {"requests_per_month": 10_000.0, "teacher_usd_per_month": 27.0}
    card = named(succeeded_run(saving=SAVING.model_copy(update=rare)))["Saving"]
    assert (card.figure, card.badge, card.verdict) == ("$773.00 more a month", "bad", "a loss")
    # 800 dollars of hosting at 0.0027 dollars a request.
    assert "from about 300,000 requests a month on; the spec declares 10,000." in card.told[1]


def test_a_saving_of_what_is_not_in_service_is_a_forecast() -> None:
    forecast = SAVING.model_copy(update={"is_forecast": True})
    card = named(succeeded_run(saving=forecast))["Saving"]
    assert (card.badge, card.verdict) == ("open", "a forecast: nothing is in service")
    assert "would cost, as forecast, $800.00" in saving_computed(forecast)


def test_the_sum_behind_a_saving_has_every_factor() -> None:
    told = saving_computed(SAVING)
    for factor in ("2,628,000 requests", "400 tokens", "$3.00", "100 tokens", "$15.00", "$7,096"):
        assert factor in told


def test_a_saving_that_is_not_known_says_why() -> None:
    card = named(succeeded_run(saving_unknown="the price of x is not known; give it"))["Saving"]
    assert card.figure == "not known"
    assert card.told == ("the price of x is not known; give it.",)
    assert "Saving" not in named(succeeded_run())


def test_quality_stands_beside_the_teachers_with_both_intervals() -> None:
    run = succeeded_run()
    card = named(run)["Quality"]
    assert (card.figure, card.verdict) == ("57.0% right", "better than the teacher")
    assert "95% interval 53.0% to 60.9%" in card.told[0]
    assert run.student is not None
    equal = run.student.model_copy(update={"name": "teacher"})
    card = named(succeeded_run(teacher=equal))["Quality"]
    assert card.verdict == "about as good"
    assert "100.0% of the teacher's right answers, and at least 87." in card.told[2]
    assert "Quality" not in named(succeeded_run(student=None))


def test_what_was_missed_is_named_before_what_is_open() -> None:
    card = named(succeeded_run())["What"]
    assert (card.figure, card.badge) == ("1 of 3 constraints held", "bad")
    assert card.told == ("Missed: max_p95_latency_ms.", "max_budget_usd: not measured.")
    held = tuple(outcome for outcome in succeeded_run().constraints if outcome.passed)
    assert named(succeeded_run(constraints=held))["What"].badge == "good"
    assert "What" not in named(succeeded_run(constraints=()))
