"""Pages from templates; whatever they are given is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from stratos.contracts.run import RunRow
from stratos.look.charts import strip
from stratos.look.pages import environment
from stratos.report.figures import duration, money, percent, share
from stratos.ui.faults import Fault
from stratos.ui.settings import UiSettings
from stratos.ui.state_graph import Graph
from stratos.units import figure

_BADGES = {
    "succeeded": "good",
    "failed": "bad",
    "rejected": "bad",
    "stopped": "open",
    "running": "info",
}


class Templates:
    """The templates of this room, with what every page needs."""

    def __init__(self, settings: UiSettings) -> None:
        self._made = environment()
        self._made.globals |= {"settings": settings, "drawn": drawn_graph, "strip": strip}
        self._made.filters |= {
            "percent": percent,
            "share": share,
            "duration": duration,
            "money": money,
            "figure": figure,
            "minute": minute,
            "status_badge": status_badge,
            "coded": coded,
        }

    def page(self, name: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page, or a part of one."""
        text = self._made.get_template(f"ui/templates/{name}.html.j2").render(**shown)
        return HTMLResponse(text, status)

    def fault(self, fault: Fault) -> HTMLResponse:
        return self.page("fault", status=fault.status, fault=fault)


def minute(moment: datetime | None) -> str:
    """`2026-11-24 08:00`, in UTC; empty where there is none."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def coded(text: str) -> Markup:
    """Words with what stands between backticks, a command or a name, as code."""
    parts = (
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(text.split("`"))
    )
    return Markup("").join(parts)


def status_badge(row: RunRow) -> str:
    """The kind of a run's badge."""
    return "open" if row.awaits_approval or row.awaits_place else _BADGES.get(row.status, "")


# --- the graph as a drawing -------------------------------------------------------------------

ROW_PX, NODE_PX, TOP_PX = 40, 30, 8
LEFT_PX, RIGHT_PX, WIDTH_PX = 58, 312, 370
_LANE_PX = 7


def drawn_graph(graph: Graph) -> dict[str, Any]:
    """Where the graph's nodes and arrows lie, in pixels of its own."""
    top = [TOP_PX + ROW_PX * number for number in range(len(graph.nodes))]
    arrows = []
    for arrow in graph.arrows:
        start, end = top[arrow.source], top[arrow.target]
        middle = NODE_PX / 2
        if arrow.kind == "next":
            x = (LEFT_PX + RIGHT_PX) / 2
            path = f"M{x} {start + NODE_PX}V{end - 2}"
        else:
            side, way = (LEFT_PX, -1) if arrow.kind == "skip" else (RIGHT_PX, 1)
            lane = side + way * min(50, 8 + _LANE_PX * abs(arrow.target - arrow.source))
            drop = 5 if arrow.target > arrow.source else -5
            path = (
                f"M{side} {start + middle + drop}C{lane} {start + middle + drop} "
                f"{lane} {end + middle - drop} {side + way * 2} {end + middle - drop}"
            )
        arrows.append({"path": path, "taken": arrow.taken})
    return {
        "width": WIDTH_PX,
        "height": TOP_PX + ROW_PX * len(graph.nodes),
        "left": LEFT_PX,
        "node_width": RIGHT_PX - LEFT_PX,
        "node_height": NODE_PX,
        "nodes": [{"y": y, "node": node} for y, node in zip(top, graph.nodes, strict=True)],
        "arrows": arrows,
    }
