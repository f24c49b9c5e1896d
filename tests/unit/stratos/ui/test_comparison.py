"""Two runs side by side."""

from __future__ import annotations

from stratos.ui.comparison import compared
from stratos.ui.run_facts import RunReader
from tests.summaries import succeeded_run
from tests.ui_runs import FAILED, FINISHED, NOW, OTHER


def compare(stack, left, right):
    reader = RunReader()
    sides = [
        (reader.now(stack, run_id, NOW), summary, True)
        for run_id, summary in ((FINISHED, left), (OTHER, right))
    ]
    return compared(sides)


def facts(shown, group):
    return {fact.name: fact for fact in shown["groups"][group]}


def test_equal_runs_differ_in_nothing(stack, states):
    shown = compare(stack, succeeded_run(), succeeded_run())
    assert [f.name for group in shown["groups"].values() for f in group if f.differs] == []
    assert facts(shown, "Outcome")["training"].left == "300 steps, loss 0.2"
    assert facts(shown, "Outcome")["p95 latency"].left == "200 ms (160–240)"


def test_what_one_run_lacks_is_a_dash(stack, states):
    bare = succeeded_run(training=None, student=None, constraints=(), phases=(), endpoint=None)
    shown = compare(stack, succeeded_run(), bare)
    assert facts(shown, "Constraints")["min_accuracy"].right == "–"
    assert facts(shown, "Held-out accuracy")["student"].differs
    assert facts(shown, "Time")["Distill"].right == "–"
    assert facts(shown, "Outcome")["served on"].right == "–"
    assert shown["curves"] is None


def test_curves_are_drawn_where_both_have_one(stack, states):
    shown = compare(stack, succeeded_run(run_id=FINISHED), succeeded_run(run_id=OTHER))
    assert "0123abcd" in shown["curves"]
    assert "76543210" in shown["curves"]
    assert FAILED not in shown["curves"]
