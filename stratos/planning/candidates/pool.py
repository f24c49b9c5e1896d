"""The candidates to choose from, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.serving_side import ServingSide
from stratos.planning.candidates.side import Side, end_to_end
from stratos.planning.forecast.server_table import ServerTable


@dataclass
class Pool:
    """Non-dominated candidates of every pairing, feasible or not. Arrays run over candidates."""

    pairings: list[Pairing]
    training: ServerTable
    serving: ServerTable
    serving_side: ServingSide
    pairing: Integers
    training_row: Integers
    serving_row: Integers
    error: Floats
    latency_ms: Floats
    hours: Floats
    usd_to_deploy: Floats
    usd_per_month: Floats
    total_usd: Floats
    tokens_per_second: Floats
    trained_share: Floats
    """Of the planned training, what the deadlines leave time for."""
    training_devices: Integers
    """That train together, on each instance."""
    synthesis_servers: Integers
    """That share synthesis."""
    evaluation_servers: Integers
    capacity: Floats
    serving_devices: Integers
    """Of one replica."""
    serving_replicas: Integers
    """On each instance."""
    slots: Integers
    """Requests that a replica answers at once."""
    mode: Integers
    """Hosting mode, by its position in `serving_side.mode_offers.modes`."""
    num_candidates: int
    rejected: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pairing)

    def trained(self, row: int) -> tuple[object, ...]:
        """What training a candidate's model depends on, but not how it is served."""
        taught = _taught(self.pairings[self.pairing[row]])
        return (*taught, int(self.training_row[row]))

    def serves_in_full(self, trained: tuple[object, ...], region: str) -> Mask:
        """Candidates that serve the outcome of one training unquantised, in one region."""
        *taught, training_row = trained
        alike = [
            taught == _taught(pairing) and pairing.quantised_to is None for pairing in self.pairings
        ]
        there = np.array([row.region == region for row in self.serving.rows], dtype=np.bool_)
        same = np.array(alike, dtype=np.bool_)[self.pairing] & there[self.serving_row]
        return np.asarray(same & (self.training_row == training_row), dtype=np.bool_)

    @property
    def objectives(self) -> Floats:
        """Expected error, p95 latency, hours to deploy, dollars over the horizon."""
        return np.column_stack([self.error, self.latency_ms, self.hours, self.total_usd])


def _taught(pairing: Pairing) -> list[object]:
    return [pairing.teacher.name, pairing.student.name, pairing.method, pairing.precision]


@dataclass(frozen=True)
class ComposedPairing:
    """A pairing and the non-dominated rows of its two sides."""

    pairing: Pairing
    training: Side
    """Values and facts as `TrainingSide.every` has them."""
    serving: Side
    """As `ServingSide.every` has them."""


@dataclass(frozen=True)
class Spent:
    """What the run has spent before the plan; it is part of every candidate."""

    hours: float
    usd: float


def multiply_out(
    parts: Sequence[ComposedPairing],
    training_table: ServerTable,
    serving_table: ServerTable,
    serving_side: ServingSide,
    *,
    spent: Spent,
    horizon_hours: float,
    num_candidates: int,
    rejected: dict[str, str],
) -> Pool:
    """Combine every row of a pairing's training side with every row of its serving side.

    Args:
        horizon_hours: How long the endpoint is paid for.
        num_candidates: How many were compared, dominated ones included.
    """
    counts = [(len(part.training), len(part.serving)) for part in parts]
    left, right = _products(counts)
    training = end_to_end([part.training for part in parts]).at(left)
    serving = end_to_end([part.serving for part in parts]).at(right)
    error, training_hours, training_usd = training.values.T
    latency_ms, starting_hours, usd_per_month = serving.values.T
    tokens_per_second, trained_share, training_devices, *shared = training.facts.T
    synthesis_servers, evaluation_servers = shared
    capacity, serving_devices, serving_replicas, slots, mode = serving.facts.T
    usd_to_deploy = training_usd + spent.usd
    return Pool(
        pairings=[part.pairing for part in parts],
        training=training_table,
        serving=serving_table,
        serving_side=serving_side,
        pairing=np.repeat(np.arange(len(parts)), [trained * served for trained, served in counts]),
        training_row=training.rows,
        serving_row=serving.rows,
        error=error,
        latency_ms=latency_ms,
        hours=training_hours + starting_hours + spent.hours,
        usd_to_deploy=usd_to_deploy,
        usd_per_month=usd_per_month,
        total_usd=usd_to_deploy + usd_per_month * horizon_hours / HOURS_PER_MONTH,
        tokens_per_second=tokens_per_second,
        trained_share=trained_share,
        training_devices=training_devices.astype(np.int64),
        synthesis_servers=synthesis_servers.astype(np.int64),
        evaluation_servers=evaluation_servers.astype(np.int64),
        capacity=capacity,
        serving_devices=serving_devices.astype(np.int64),
        serving_replicas=serving_replicas.astype(np.int64),
        slots=slots.astype(np.int64),
        mode=mode.astype(np.int64),
        num_candidates=num_candidates,
        rejected=rejected,
    )


def _products(counts: Sequence[tuple[int, int]]) -> tuple[Integers, Integers]:
    """Positions of every pair within each pairing, where its sides lie end to end."""
    left, right = [], []
    first_left = first_right = 0
    for trained, served in counts:
        left.append(first_left + np.repeat(np.arange(trained), served))
        right.append(first_right + np.tile(np.arange(served), trained))
        first_left, first_right = first_left + trained, first_right + served
    return np.concatenate(left), np.concatenate(right)
