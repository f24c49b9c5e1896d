"""Small charts as SVG text, so that no plotting library is needed in a Lambda function.

Words in an SVG shrink with it, so that each chart is drawn twice: for a wide screen, and for a
narrow one. The stylesheet shows one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from stratos.units import figure

_LETTER = 7.0
"""Pixels of a letter of 12 px, rather too many than too few."""


@dataclass(frozen=True)
class Size:
    """Of a chart, in its own pixels."""

    kind: str
    """CSS class."""
    width: int
    height: int


SIZES = (Size("wide", 720, 340), Size("narrow", 340, 300))
LEFT, RIGHT, TOP, BOTTOM = 68, 16, 28, 44


@dataclass(frozen=True)
class Point:
    """One mark: its place, its tooltip, and how it is drawn."""

    x: float
    y: float
    label: str
    kind: str = "plain"
    """CSS class: `plain`, `named`, `fallback`, `chosen`."""
    link: str | None = None
    """Id of what tells more on the same page; such a point can be reached by keyboard."""


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


def scatter(
    title: str, points: Sequence[Point], x: Axis, y: Axis, limits: Sequence[LimitLine] = ()
) -> Markup:
    """A scatter chart; `chosen` points are drawn last, on top.

    Args:
        title: What it shows, for those who cannot see it.
    """

    def draw(plot: _Plot) -> list[str]:
        ordered = sorted(points, key=lambda point: (point.kind == "chosen", point.kind != "plain"))
        return [*plot.limit_lines(limits), *(_mark(point, plot) for point in ordered)]

    return _both(title, x, y, draw, has_links=any(point.link for point in points))


def _mark(point: Point, plot: _Plot) -> str:
    told = escape(point.label)
    circle = (
        f'<circle class="point {point.kind}" cx="{plot.across(point.x):.1f}" '
        f'cy="{plot.down(point.y):.1f}" r="{7 if point.kind == "chosen" else 5}">'
        f"<title>{told}</title></circle>"
    )
    if point.link is None:
        return circle
    return f'<a href="#{escape(point.link)}" aria-label="{told}">{circle}</a>'


def curves(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> Markup:
    """A line chart with a legend above it."""

    def draw(plot: _Plot) -> list[str]:
        marks, right = [], float(plot.size.width - RIGHT)
        for line in reversed(lines):
            path = " ".join(f"{plot.across(px):.1f},{plot.down(py):.1f}" for px, py in line.points)
            marks.append(f'<polyline class="{line.kind}" points="{path}"/>')
            marks.append(
                f'<text class="{line.kind}" x="{right:.1f}" y="{TOP - 10}" text-anchor="end">'
                f"{escape(line.name)}</text>"
            )
            right -= _LETTER * len(line.name) + 12
        return marks

    return _both(title, x, y, draw)


def _both(
    title: str,
    x: Axis,
    y: Axis,
    draw: Callable[[_Plot], Sequence[str]],
    *,
    has_links: bool = False,
) -> Markup:
    """The chart in both sizes. An image has no parts to reach, so that one with links is none."""
    role = "group" if has_links else "img"
    drawn = []
    for size in SIZES:
        plot = _Plot(size, x, y)
        drawn.append(
            f'<svg class="chart {size.kind}" viewBox="0 0 {size.width} {size.height}" '
            f'role="{role}" aria-label="{escape(title)}">'
        )
        drawn += [*plot.frame(), *draw(plot), "</svg>"]
    return Markup("".join(drawn))


@dataclass(frozen=True)
class _Plot:
    """One drawing: from data to pixels."""

    size: Size
    x: Axis
    y: Axis

    def across(self, value: float) -> float:
        return LEFT + self.x.position(value) * (self.size.width - LEFT - RIGHT)

    def down(self, value: float) -> float:
        room = self.size.height - TOP - BOTTOM
        return self.size.height - BOTTOM - self.y.position(value) * room

    def frame(self) -> list[str]:
        """Both axes with their names, a grid, and as many numbers as have room."""
        width, height = self.size.width, self.size.height
        middle = (LEFT + width - RIGHT) / 2
        drawn = [
            f'<text class="axis" x="{middle:.1f}" y="{height - 6}" text-anchor="middle">'
            f"{escape(self.x.label)}</text>",
            f'<text class="axis" x="4" y="14">{escape(self.y.label)}</text>',
        ]
        free_from = 0.0
        for tick in self.x.ticks():
            at, half = self.across(tick), _LETTER * len(figure(tick)) / 2
            drawn.append(_line("grid", at, TOP, at, height - BOTTOM))
            if at - half >= free_from and at + half <= width:
                free_from = at + half + 8
                drawn.append(_text("tick", at, height - BOTTOM + 16, "middle", figure(tick)))
        free_to = float(height)
        for tick in self.y.ticks():
            at = self.down(tick)
            drawn.append(_line("grid", LEFT, at, width - RIGHT, at))
            if at + 8 <= free_to and at >= TOP:
                free_to = at - 8
                drawn.append(_text("tick", LEFT - 6, at + 4, "end", figure(tick)))
        return drawn

    def limit_lines(self, limits: Sequence[LimitLine]) -> list[str]:
        """Limits inside the chart, that of x named at the bottom, that of y at the other side."""
        drawn, named_right = [], True
        for limit in sorted(limits, key=lambda limit: limit.axis):
            scale = self.x if limit.axis == "x" else self.y
            if not scale.low <= limit.value <= scale.high:
                continue
            if limit.axis == "x":
                named_right = scale.position(limit.value) < 0.5
                drawn += self._limit_across(limit)
            else:
                drawn += self._limit_up(limit, named_right=named_right)
        return drawn

    def _limit_across(self, limit: LimitLine) -> list[str]:
        at, bottom = self.across(limit.value), self.size.height - BOTTOM
        fits = at + _LETTER * len(limit.label) + 4 <= self.size.width - RIGHT
        side, shift = ("start", 4) if fits else ("end", -4)
        return [
            _line("limit", at, TOP, at, bottom),
            _text("limit", at + shift, bottom - 6, side, limit.label),
        ]

    def _limit_up(self, limit: LimitLine, *, named_right: bool) -> list[str]:
        """Named above its line, if there is room, and never as low as the name of what limits x."""
        at, right = self.down(limit.value), self.size.width - RIGHT
        lowest = self.size.height - BOTTOM - 22
        y = min(at - 5, lowest) if at - 5 > TOP + 10 else at + 14
        x, side = (right, "end") if named_right else (LEFT + 4, "start")
        return [_line("limit", LEFT, at, right, at), _text("limit", x, y, side, limit.label)]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(kind: str, x: float, y: float, anchor: str, words: str) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def strip(
    label: str,
    *,
    low: float,
    high: float,
    interval: tuple[float, float] | None = None,
    value: float | None = None,
    limit: float | None = None,
) -> Markup:
    """One number on a scale without words: its interval as a band, its limit as a dashed line.

    Args:
        label: All of it in words, for those who cannot see it.
        low, high: The ends of the scale.
    """

    def at(number: float) -> str:
        share = (number - low) / (high - low) if high > low else 0.5
        return f"{1 + 98 * min(1.0, max(0.0, share)):.2f}%"

    marks = ['<line class="grid" x1="1%" y1="50%" x2="99%" y2="50%"/>']
    if interval is not None:
        first, last = (at(number) for number in interval)
        marks += [
            f'<line class="whisker" x1="{first}" y1="50%" x2="{last}" y2="50%"/>',
            *(f'<line class="end" x1="{x}" y1="22%" x2="{x}" y2="78%"/>' for x in (first, last)),
        ]
    if limit is not None:
        marks.append(f'<line class="limit" x1="{at(limit)}" y1="0" x2="{at(limit)}" y2="100%"/>')
    if value is not None:
        marks.append(f'<circle class="point first" cx="{at(value)}" cy="50%" r="5"/>')
    return Markup(
        f'<svg class="chart strip" role="img" aria-label="{escape(label)}">{"".join(marks)}</svg>'
    )
