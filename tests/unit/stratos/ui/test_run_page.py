"""What the page of one run is given."""

from __future__ import annotations

from stratos.ui.run_facts import RunReader
from stratos.ui.run_page import run_view
from tests.summaries import probe, succeeded_run
from tests.ui_runs import FAILED, FINISHED, NOW


def view(stack, run_id, summary, *, final=True):
    return run_view(RunReader().now(stack, run_id, NOW), summary, final, (probe("teacher", 2),))


def test_a_run_with_everything_has_rows_charts_and_next_steps(stack, states):
    shown = view(stack, FINISHED, succeeded_run())
    for name in (
        "verdicts",
        "accuracies",
        "comparisons",
        "measurements",
        "probes",
        "dataset",
        "cards",
    ):
        assert shown[name], name
    assert [row.roles[0] for row in shown["plans"]] == ["chosen", "fallback 1", "most accurate"]
    assert shown["front"].count("<a href=") == 2 * 3  # drawn for two widths
    assert "≤ 400 ms" in shown["front"]
    assert (shown["seconds"], shown["longest"]) == (125, 105)
    assert shown["next_steps"]


def test_a_run_that_got_nowhere_has_none_of_it(stack, states):
    summary = succeeded_run(
        plans=None, training=None, constraints=(), phases=(), dataset=None, measurements=()
    )
    shown = view(stack, FAILED, summary, final=False)
    assert (shown["front"], shown["curve"], shown["plans"]) == (None, None, [])
    assert shown["cards"] == ()
    assert (shown["longest"], shown["next_steps"], shown["dataset"]) == (0.0, (), [])
