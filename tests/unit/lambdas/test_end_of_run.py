"""What is written down and told when a run ends."""

from __future__ import annotations

import json

import pytest

from lambdas.aws import notices
from stratos.contracts.bucket import CALIBRATION_KEY, RunKeys
from stratos.contracts.calibration import CalibrationRow, read_calibration
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurements
from stratos.pipeline.summary import REJECTED_RUNS
from tests import factories
from tests.summaries import measurement
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def remembered(account: Account) -> list[CalibrationRow]:
    return read_calibration(account.read(CALIBRATION_KEY).decode())


def test_the_report_of_a_good_run_holds_what_was_asked_predicted_and_measured(
    account: Account,
) -> None:
    pipeline = start(account).until_deployed()
    pipeline.promote()
    reported = pipeline.report()
    keys = RunKeys(pipeline.run.run_id)
    summary = pipeline.summary()
    assert reported["status"] == summary.status == "succeeded"
    accuracy = next(row for row in summary.constraints if row.name == "min_accuracy")
    assert accuracy.measured is not None
    assert (accuracy.asked, accuracy.passed) == (0.05, True)
    assert accuracy.predicted is not None
    assert summary.strategy is not None
    assert summary.strategy.choice == "injection"
    assert summary.endpoint is not None
    assert account.read(keys.report).startswith(b"<!doctype html>")
    assert account.row(pipeline.run.run_id)["status"] == "succeeded"


def test_a_cut_training_is_told_everywhere_and_teaches_no_accuracy(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(notices, "send", lambda subject, text: sent.append(text))
    cut = factories.cut_training()
    assert cut.cut_short is not None
    pipeline = start(account).until_matched()
    pipeline.work(right=4, distilled=cut)
    pipeline.check()
    pipeline.report("failed")
    summary = pipeline.summary()
    assert cut.cut_short in summary.reason
    assert cut.cut_short in summary.notes
    assert summary.training is not None
    assert (summary.training.steps, summary.training.planned_steps) == (70, 650)
    assert summary.training.cut_short == cut.cut_short
    assert cut.cut_short in sent[0]
    keys = RunKeys(pipeline.run.run_id)
    assert "70 of 650 steps" in account.read(keys.report).decode()
    learned = {row.quantity: row.ignored for row in remembered(account)}
    assert learned["accuracy"] == cut.cut_short
    assert learned["training_tokens_per_second"] is None


def test_a_run_that_failed_says_what_it_took(account: Account) -> None:
    pipeline = start(account, constraints={"max_training_hours": 1.0, "max_budget_usd": 5})
    pipeline.until_matched()
    pipeline.work(right=4)
    pipeline.check()
    pipeline.report("failed")
    rows = {row.name: row for row in pipeline.summary().constraints}
    for name in ("max_training_hours", "max_budget_usd"):
        assert rows[name].measured is not None
        assert rows[name].passed is None


def test_calibration_is_learned_once_even_if_the_report_is_written_twice(account: Account) -> None:
    pipeline = start(account).until_deployed()
    pipeline.promote()
    pipeline.report()
    pipeline.report()
    rows = [json.loads(line) for line in account.read("catalog/calibration.jsonl").splitlines()]
    quantities = [row["quantity"] for row in rows]
    assert len(quantities) == len(set(quantities))
    assert {"accuracy", "p95_latency_ms", "training_tokens_per_second"} <= set(quantities)


@pytest.mark.parametrize(("mode", "learned"), [("realtime", True), ("async", False)])
def test_latency_is_learned_only_where_the_planned_server_answered_in_the_call(
    account: Account, mode: str, learned: bool
) -> None:
    pipeline = start(account, hosting={"mode": mode}).until_deployed()
    keys = RunKeys(pipeline.run.run_id)
    plan = MatchEvidence.model_validate_json(account.read(keys.match)).plan
    item = measurement(plan).model_copy(update={"mode": mode})
    measured = Measurements(measured=(item,))
    account.put(keys.measurements, measured.model_dump_json())
    pipeline.promote()
    pipeline.report()
    rows = [json.loads(line) for line in account.read("catalog/calibration.jsonl").splitlines()]
    assert ("p95_latency_ms" in {row["quantity"] for row in rows}) is learned


def test_a_failure_is_reported_in_words(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    cause = json.dumps({"errorType": "DatasetRejected", "errorMessage": "too few records"})
    pipeline.state["failure"] = {"Error": "DatasetRejected", "Cause": cause}
    pipeline.report("rejected")
    summary = pipeline.summary()
    assert summary.reason == "DatasetRejected: too few records"
    assert "DatasetRejected: too few records" in account.notices()[0]


def test_a_run_that_recovered_from_a_failure_is_not_reported_by_it(account: Account) -> None:
    pipeline = start(account).until_deployed()
    cause = json.dumps({"FailureReason": "AlgorithmError: , exit code: 137"})
    pipeline.state["failure"] = {"Error": "States.TaskFailed", "Cause": cause}
    pipeline.promote()
    pipeline.report()
    assert pipeline.summary().reason.endswith("by injection and is in service")


def test_a_refused_run_is_counted_and_any_other_end_is_not(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    def counted() -> list[dict[str, object]]:
        lines = [line for line in capsys.readouterr().out.splitlines() if REJECTED_RUNS in line]
        return [json.loads(line) for line in lines]

    pipeline = start(account)
    pipeline.report("failed")
    assert counted() == []
    pipeline.report("rejected")
    (metric,) = counted()
    assert metric[REJECTED_RUNS] == [1.0]
    for decided in ("ApprovalRejected", "ApprovalTimedOut"):
        pipeline.state["failure"] = {"Error": decided, "Cause": "by ann"}
        pipeline.report("failed")
        assert len(counted()) == 1
    assert metric["service"] == "stratos"
