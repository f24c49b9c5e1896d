"""What pages are made of."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from stratos.ui.execution import Execution
from stratos.ui.faults import Fault
from stratos.ui.settings import UiSettings
from stratos.ui.state_graph import graph_of
from stratos.ui.templates import Templates, coded, drawn_graph, minute, status_badge
from tests import factories
from tests.ui_runs import DEFINITION, HOSTILE, NOW, WAY, history


def test_a_moment_is_shown_in_utc_to_the_minute():
    east = timezone(timedelta(hours=2))
    assert minute(datetime(2026, 11, 24, 10, 5, 59, tzinfo=east)) == "2026-11-24 08:05"
    assert minute(None) == ""


@pytest.mark.parametrize(
    ("columns", "badge"),
    [
        ({"status": "succeeded"}, "good"),
        ({"status": "rejected"}, "bad"),
        ({"status": "stopped"}, "open"),
        ({}, "info"),
        ({"task_token": "t"}, "open"),
        ({"status": "unchanged"}, ""),
        ({"status": "deleted"}, ""),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_a_status_has_its_badge(columns, badge):
    assert status_badge(factories.run_row(**columns)) == badge


def test_what_stands_between_backticks_is_code_and_all_of_it_text():
    assert coded("run `stratos <x>` & wait") == "run <code>stratos &lt;x&gt;</code> &amp; wait"
    assert coded("nothing") == "nothing"


def test_whatever_a_template_is_given_is_escaped():
    page = Templates(UiSettings()).fault(Fault(404, HOSTILE, HOSTILE, HOSTILE))
    assert page.status_code == 404
    assert HOSTILE not in page.body.decode()


def test_nodes_lie_below_each_other_and_arrows_inside_the_drawing():
    graph = graph_of(Execution(DEFINITION, tuple(history(WAY[:8])), "RUNNING"), NOW)
    drawn = drawn_graph(graph)
    tops = [one["y"] for one in drawn["nodes"]]
    assert all(b - a > drawn["node_height"] for a, b in pairwise(tops))
    assert tops[-1] + drawn["node_height"] <= drawn["height"]
    assert len(drawn["arrows"]) == len(graph.arrows)
    for arrow in drawn["arrows"]:
        numbers = arrow["path"].translate(str.maketrans("MCV", "   ")).split()
        assert all(0 <= float(number) <= drawn["height"] for number in numbers)
