"""Small charts as SVG text, so that no plotting library is needed in a Lambda function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from stratos.units import figure

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44


@dataclass(frozen=True)
class Point:
    """One mark: its place, its tooltip, and how it is drawn."""

    x: float
    y: float
    label: str
    kind: str = "plain"
    """CSS class: `plain`, `chosen`, `fallback`."""


@dataclass(frozen=True)
class Line:
    """A curve through points, with its name in the legend."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str = "first"


@dataclass(frozen=True)
class LimitLine:
    """A constraint drawn across the chart."""

    axis: str
    """`x` or `y`."""
    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A scale from data to pixels."""

    label: str
    low: float
    high: float
    logarithmic: bool = False

    def position(self, value: float) -> float:
        """Where `value` lies between the ends: 0..1."""
        if self.logarithmic:
            low, high, value = math.log(self.low), math.log(self.high), math.log(value)
        else:
            low, high = self.low, self.high
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values between the ends; a short logarithmic axis takes those of a linear one."""
        if self.logarithmic and self.high / self.low > 5:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = [10.0**p * m for p in range(first, last + 1) for m in (1, 2, 5)]
        else:
            step = nice_step((self.high - self.low) / 5)
            first = math.ceil(self.low / step)
            steps = [step * i for i in range(first, int(self.high / step) + 1)]
        return [tick for tick in steps if self.low <= tick <= self.high]


def nice_step(rough: float) -> float:
    """The round number (1, 2 or 5 times a power of ten) not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))


def axis(label: str, values: Sequence[float], *, logarithmic: bool = False) -> Axis:
    """An axis that holds every value with some room at both ends."""
    low, high = min(values), max(values)
    if logarithmic and low > 0:
        room = (high / low) ** 0.08 if high > low else 1.5
        return Axis(label, low / room, high * room, True)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return Axis(label, low - room, high + room)


def scatter(points: Sequence[Point], x: Axis, y: Axis, limits: Sequence[LimitLine] = ()) -> str:
    """A scatter chart; `chosen` points are drawn last, on top."""
    across, down = _scales(x, y)
    marks = [
        f'<circle class="{point.kind}" cx="{across(point.x):.1f}" cy="{down(point.y):.1f}" '
        f'r="{7 if point.kind == "chosen" else 4}"><title>{escape(point.label)}</title></circle>'
        for point in sorted(points, key=lambda point: point.kind == "chosen")
    ]
    return _chart(x, y, [*_limit_lines(limits, x, y), *marks])


def curves(lines: Sequence[Line], x: Axis, y: Axis) -> str:
    """A line chart with a legend."""
    across, down = _scales(x, y)
    marks = []
    for number, line in enumerate(lines):
        path = " ".join(f"{across(px):.1f},{down(py):.1f}" for px, py in line.points)
        marks.append(f'<polyline class="{line.kind}" points="{path}"/>')
        legend_y = TOP + 14 + 18 * number
        marks.append(
            f'<text class="legend {line.kind}" x="{WIDTH - RIGHT - 8}" y="{legend_y}" '
            f'text-anchor="end">{escape(line.name)}</text>'
        )
    return _chart(x, y, marks)


def _scales(x: Axis, y: Axis) -> tuple[Callable[[float], float], Callable[[float], float]]:
    def across(value: float) -> float:
        return LEFT + x.position(value) * (WIDTH - LEFT - RIGHT)

    def down(value: float) -> float:
        return HEIGHT - BOTTOM - y.position(value) * (HEIGHT - TOP - BOTTOM)

    return across, down


def _limit_lines(limits: Sequence[LimitLine], x: Axis, y: Axis) -> list[str]:
    across, down = _scales(x, y)
    drawn = []
    for limit in limits:
        scale = x if limit.axis == "x" else y
        if not scale.low <= limit.value <= scale.high:
            continue
        left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
        if limit.axis == "x":
            at = across(limit.value)
            ends = f'x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{bottom}"'
            text_x, text_y = at + 4, top + 12.0
        else:
            at = down(limit.value)
            ends = f'x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"'
            text_x, text_y = left + 4.0, at - 4
        drawn.append(f'<line class="limit" {ends}/>')
        drawn.append(
            f'<text class="limit" x="{text_x:.1f}" y="{text_y:.1f}">{escape(limit.label)}</text>'
        )
    return drawn


def _chart(x: Axis, y: Axis, marks: Sequence[str]) -> str:
    across, down = _scales(x, y)
    frame = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">{escape(x.label)}</text>',
        f'<text class="axis" transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y.label)}</text>',
    ]
    for tick in x.ticks():
        at = across(tick)
        frame.append(
            f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 15}" '
            f'text-anchor="middle">{figure(tick)}</text>'
        )
    for tick in y.ticks():
        at = down(tick)
        frame.append(
            f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" '
            f'text-anchor="end">{figure(tick)}</text>'
        )
    return "".join((*frame, *marks, "</svg>"))
