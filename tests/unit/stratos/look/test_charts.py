"""Charts as SVG."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from stratos.look.charts import (
    SIZES,
    Axis,
    LimitLine,
    Line,
    Point,
    axis,
    curves,
    nice_step,
    scatter,
    strip,
)


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
    limits = [LimitLine("x", 3, "far"), LimitLine("y", 0.5, "near")]
    chart = scatter("front", [Point(0.5, 0.5, "p")], x, y, limits)
    assert "near" in chart
    assert "far" not in chart


def numbers(chart: str, kind: str) -> list[list[float]]:
    """Of each drawing, where its numbers begin and end along x, left to right."""
    drawings = re.findall(rf'<svg class="chart {kind}".*?</svg>', chart)
    assert drawings
    found = []
    for x, words in re.findall(r'class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="middle">(.*?)<',
                               drawings[0]):  # fmt: skip
        half = 6.5 * len(words) / 2
        found.append([float(x) - half, float(x) + half])
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.kind)
def test_numbers_of_a_long_axis_keep_clear_of_each_other(size):
    far = axis("dollars", [0.002, 40_000], logarithmic=True)
    chart = scatter("front", [Point(1, 1, "p")], far, Axis("y", 0, 2))
    ends = numbers(chart, size.kind)
    assert len(ends) >= 3
    assert all(left[1] < right[0] for left, right in pairwise(ends))
    assert ends[-1][1] <= size.width


def test_a_point_that_leads_somewhere_can_be_reached_by_keyboard():
    x, y = Axis("x", 0, 1), Axis("y", 0, 1)
    points = [Point(0.5, 0.5, "a <b>", "chosen", link="plan-a"), Point(0.1, 0.1, "other")]
    chart = scatter("front", points, x, y)
    assert chart.count('<a href="#plan-a" aria-label="a &lt;b&gt;">') == len(SIZES)
    assert chart.count("<circle") == 2 * len(SIZES)
    assert 'role="group"' in chart
    assert 'role="img"' in scatter("front", points[1:], x, y)


def test_a_curve_is_named_and_its_chart_has_words_for_those_who_cannot_see_it():
    x, y = Axis("step", 0, 2), Axis("loss", 0, 1)
    chart = curves("loss falls", [Line("training loss", [(0, 1), (2, 0)])], x, y)
    assert chart.count("training loss</text>") == len(SIZES)
    assert chart.count('aria-label="loss falls"') == len(SIZES)


def test_a_strip_draws_the_interval_the_value_and_the_limit_on_one_scale():
    drawn = strip("half", low=0, high=100, interval=(25, 75), value=50, limit=100)
    assert 'class="whisker" x1="25.50%"' in drawn
    assert 'x2="74.50%"' in drawn
    assert 'cx="50.00%"' in drawn
    assert 'class="limit" x1="99.00%"' in drawn
    assert "circle" not in strip("nothing known", low=0, high=1)
    assert 'cx="99.00%"' in strip("beyond the scale", low=0, high=1, value=7)


@pytest.mark.parametrize(("at", "anchor"), [(0.2, "end"), (0.8, "start")])
def test_two_limits_are_named_at_different_sides(at, anchor):
    x, y = Axis("x", 0, 1), Axis("y", 0, 1)
    limits = [LimitLine("y", 0.5, "least"), LimitLine("x", at, "most")]
    chart = scatter("front", [Point(0.5, 0.5, "p")], x, y, limits)
    assert chart.count(f'text-anchor="{anchor}">least<') == len(SIZES)
