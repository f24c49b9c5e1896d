"""One candidate alone: what a plan that is pinned leaves of models, servers and modes."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.catalog.model_card import ModelCard
from stratos.contracts.plan import Plan, Server
from stratos.hosting.modes.interface import HostingMode
from stratos.hosting.modes.table import mode_named
from stratos.planning.forecast.server_table import ServerRow, ServerTable


def only(cards: Sequence[ModelCard], name: str | None) -> tuple[ModelCard, ...]:
    """The model of that name; all where none is pinned."""
    return tuple(card for card in cards if name in (None, card.name))


def pinned_modes(modes: tuple[HostingMode, ...], pinned: Plan | None) -> tuple[HostingMode, ...]:
    """The plan's mode, as far as it is among those considered."""
    if pinned is None:
        return modes
    return tuple(mode for mode in modes if mode.name == pinned.hosting.mode)


def pinned_training(table: ServerTable, pinned: Plan | None) -> ServerTable:
    """The server that the plan trains on, as far as it can be had."""
    if pinned is None:
        return table
    rows = [row for row in table.rows if _is(row, pinned.training)]
    return ServerTable(rows, table.rejected)


def pinned_serving(table: ServerTable, pinned: Plan | None) -> ServerTable:
    """The same of the fleet that it serves on, or of what stands in for it."""
    if pinned is None:
        return table
    stand_in = not mode_named(pinned.hosting.mode).on_instances
    rows = [row for row in table.rows if row.stand_in == stand_in and _is(row, pinned.serving)]
    return ServerTable(rows, table.rejected)


def _is(row: ServerRow, server: Server) -> bool:
    named = (server.instance_type, server.count, server.region, server.purchase)
    return (row.instance.instance_type, row.count, row.region, row.purchase) == named
