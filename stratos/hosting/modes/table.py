"""The modes by their names, each looked up in its row of `HOSTING_MODES`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Plan
from stratos.hosting.modes.interface import HostingMode
from stratos.spec import HOSTING_MODES, ModeName

MODES_ELSEWHERE: tuple[ModeName, ...] = ("realtime",)
"""Modes of endpoints that a stack can have in other regions than its own: their requests and
answers go past its bucket, and they are measured without being woken first."""


def mode_named(name: ModeName) -> HostingMode:
    """The mode of a row."""
    return _in_module(HOSTING_MODES[name].module)


def endpoint_modes() -> Iterator[HostingMode]:
    """Those with an endpoint, in the order of preference."""
    return (mode_named(row.name) for row in HOSTING_MODES.values() if row.has_endpoint)


def mode_of(described: Mapping[str, Any]) -> HostingMode:
    """How an endpoint is hosted, by what DescribeEndpoint tells of it.

    The last mode that claims it has it; the first one claims whatever no other does.
    """
    found = [mode for mode in endpoint_modes() if mode.hosts(described)]
    return found[-1]


def told_endpoint(plan: Plan) -> str:
    """What answers requests under a plan, in words."""
    mode, servers = mode_named(plan.hosting.mode), [m.server for m in plan.more_endpoints]
    return " and ".join(mode.told(server) for server in (plan.serving, *servers))


def told_measurement(measured: Measurement) -> str:
    """Student, server and what was measured, in one clause."""
    plan = measured.plan
    mode = plan.hosting.mode if measured.batch is not None else measured.mode
    return f"{plan.student} on {mode_named(mode).told(plan.serving)}: {measured.reason}"


def on_servers(measured: Iterable[Measurement], attempt: int) -> list[Measurement]:
    """Those of a student on servers of its own; what AWS chose says nothing of them."""
    return [m for m in measured if m.attempt == attempt and mode_named(m.mode).on_instances]


@cache
def _in_module(path: str) -> HostingMode:
    mode = import_module(path).MODE
    assert isinstance(mode, HostingMode), f"{path}.MODE is no hosting mode"
    return mode
