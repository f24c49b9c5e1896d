"""The candidates to choose from, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.serving_side import NO_FLEET, ServingSide
from stratos.planning.candidates.side import Side, end_to_end
from stratos.planning.candidates.training_side import TrainingSide
from stratos.planning.forecast.server_table import ServerTable


@dataclass
class Pool:
    """Non-dominated candidates of every pairing, feasible or not. Arrays run over candidates."""

    pairings: list[Pairing]
    training: ServerTable
    every_training: ServerTable
    """With those that were dropped because another region has the same for less."""
    training_side: TrainingSide
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
    training_seconds: Floats
    """Of the training job."""
    synthesis_servers: Integers
    """That share synthesis."""
    evaluation_servers: Integers
    effort: Floats
    """`Effort.columns` of each candidate, a row of its own."""
    capacity: Floats
    serving_devices: Integers
    """Of one replica."""
    serving_replicas: Integers
    """On each instance."""
    slots: Integers
    """Requests that a replica answers at once."""
    mode: Integers
    """Hosting mode, by its position in `serving_side.mode_offers.modes`."""
    fleet: Integers
    """Over several regions, by its position in `serving_side.fleets`; else `NO_FLEET`."""
    num_candidates: int
    rejected: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pairing)

    def trained(self, row: int) -> tuple[object, ...]:
        """What training a candidate's model depends on, but not how it is served."""
        taught = _taught(self.pairings[self.pairing[row]])
        return (*taught, int(self.training_row[row]))

    def served_in(self, row: int) -> tuple[str, ...]:
        """Regions of a candidate's endpoints, the one with the most requests first."""
        number = int(self.fleet[row])
        rows = [int(self.serving_row[row])]
        if number != NO_FLEET:
            rows = [part.row for part in self.serving_side.fleets[number].parts]
        return tuple(self.serving.rows[position].region for position in rows)

    def serves_in_full(self, trained: tuple[object, ...], regions: tuple[str, ...]) -> Mask:
        """Candidates that serve the outcome of one training unquantised, in the same regions."""
        *taught, training_row = trained
        alike = [
            taught == _taught(pairing) and pairing.quantised_to is None for pairing in self.pairings
        ]
        same = np.array(alike, dtype=np.bool_)[self.pairing] & (self.training_row == training_row)
        for row in np.flatnonzero(same):
            same[row] = set(self.served_in(int(row))) == set(regions)
        return np.asarray(same, dtype=np.bool_)

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


@dataclass(frozen=True)
class Tables:
    """The servers of both sides."""

    every_training: ServerTable
    training: ServerTable
    serving: ServerTable


def multiply_out(
    parts: Sequence[ComposedPairing],
    tables: Tables,
    training_side: TrainingSide,
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
    tokens_per_second, trained_share, training_devices, training_seconds, *shared = training.facts.T
    synthesis_servers, evaluation_servers, *effort = shared
    capacity, serving_devices, serving_replicas, slots, mode, fleet = serving.facts.T
    usd_to_deploy = training_usd + spent.usd
    return Pool(
        pairings=[part.pairing for part in parts],
        training=tables.training,
        every_training=tables.every_training,
        training_side=training_side,
        serving=tables.serving,
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
        training_seconds=training_seconds,
        synthesis_servers=synthesis_servers.astype(np.int64),
        evaluation_servers=evaluation_servers.astype(np.int64),
        effort=np.column_stack(effort),
        capacity=capacity,
        serving_devices=serving_devices.astype(np.int64),
        serving_replicas=serving_replicas.astype(np.int64),
        slots=slots.astype(np.int64),
        mode=mode.astype(np.int64),
        fleet=fleet.astype(np.int64),
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
