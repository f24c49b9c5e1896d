"""Charts as SVG."""

from __future__ import annotations

import pytest

from stratos.report.plots import Axis, LimitLine, Point, axis, nice_step, scatter


def test_positions_follow_the_scale():
    linear, logarithmic = Axis("x", 0, 10), Axis("x", 1, 100, True)
    assert linear.position(2.5) == 0.25
    assert logarithmic.position(10) == pytest.approx(0.5)


def test_ticks_are_round_and_inside():
    ticks = axis("x", [0.13, 0.87]).ticks()
    assert ticks == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert axis("x", [3, 400], logarithmic=True).ticks() == [5, 10, 20, 50, 100, 200, 500]
    assert axis("x", [210, 240], logarithmic=True).ticks() == [210, 220, 230, 240]
    assert [nice_step(s) for s in (0.12, 1, 3, 7)] == pytest.approx([0.2, 1, 5, 10])


def test_a_limit_outside_the_chart_is_not_drawn():
    x, y = Axis("x", 0, 1), Axis("y", 0, 1)
    chart = scatter(
        [Point(0.5, 0.5, "p")], x, y, [LimitLine("x", 3, "far"), LimitLine("y", 0.5, "near")]
    )
    assert "near" in chart
    assert "far" not in chart
