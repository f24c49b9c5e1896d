"""What it takes to run jobs in another region than the data's: copies, their bill, and waiting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stratos.catalog.model_card import ModelCard
from stratos.catalog.transfer import transfer_usd_per_gb
from stratos.contracts.checkpoint_copies import CHECKPOINT_COPY_SECONDS
from stratos.hosting.container import expected_artifact_bytes
from stratos.planning.arrays import Floats
from stratos.planning.forecast.memory import adapter_parameters
from stratos.planning.forecast.server_table import ServerRow, ServerTable
from stratos.planning.forecast.transformer import transformer
from stratos.planning.forecast.workload import Workload
from stratos.planning.request import PlanningRequest, RecentRefusal
from stratos.spec import Method, Weights
from stratos.units import GIB

COPY_BYTES_PER_SECOND = 100e6
"""Of S3 between two regions, large objects in parts. Assumed; Skyplane measured 170 to 860 MB/s
between buckets in us-west-1 and us-east-1 (docs/benchmark.md in skyplane@4602d9c) with machines of
its own."""
PROGRAM_BYTES = 63e6
"""Of our archives: the code of jobs and what it imports."""
BYTES_PER_TOKEN = 4.0
"""Of a dataset's text, where nobody has counted its bytes."""
CHECKPOINT_BYTES_PER_PARAMETER = 12.0
"""Weight and the optimizer's two moments, in float32."""
REFUSED_HOURS = 1.0
"""Lost if a region has no capacity: the wait of a job before it goes elsewhere. Assumed."""
REFUSAL_HALF_LIFE_HOURS = 6.0
"""After so long, a refusal says half as much about the next job. Assumed."""


@dataclass(frozen=True)
class Moved:
    """Bytes that the jobs of one pairing exchange with home.

    Attributes:
        inputs: Programs, records, and weights that lie in the bucket. Each is copied once.
        outputs: Synthesised records and the artifact.
        checkpoint: One of them.
    """

    inputs: float
    outputs: float
    checkpoint: float

    @property
    def seconds(self) -> float:
        """That jobs wait for copies; checkpoints are copied while they run."""
        return (self.inputs + self.outputs) / COPY_BYTES_PER_SECOND


def moved(
    request: PlanningRequest,
    teacher: ModelCard,
    student: ModelCard,
    method: Method,
    work: Workload,
    num_records: float,
) -> Moved:
    """What is copied for one pairing, if nothing of it is there already."""
    facts, settings = request.dataset, request.spec.training
    parameters = transformer(student).parameters
    text = facts.num_bytes
    if text is None:
        records = facts.num_train + facts.num_probe + facts.num_heldout
        text = round(records * BYTES_PER_TOKEN * (facts.prompt_tokens + facts.answer_tokens))
    weights = _stored_bytes(request, teacher, student)
    trained = parameters
    if method == "lora":
        trained = adapter_parameters(transformer(student), settings.lora_rank)
    return Moved(
        inputs=PROGRAM_BYTES + text + weights,
        outputs=num_records * BYTES_PER_TOKEN * work.sequence_tokens
        + expected_artifact_bytes(parameters),
        checkpoint=CHECKPOINT_BYTES_PER_PARAMETER * trained,
    )


def _stored_bytes(request: PlanningRequest, *cards: ModelCard) -> float:
    """Weights in the bucket; those of the Hub are downloaded wherever a job runs."""
    asked = (*request.spec.teachers, *request.spec.students)
    stored = {m.name for m in asked if isinstance(m, Weights) and m.path is not None}
    found = {card.name: card for card in cards if card.kind == "weights" and card.name in stored}
    return float(sum(card.num_bytes or 2 * (card.num_parameters or 0) for card in found.values()))


@dataclass(frozen=True)
class RegionCosts:
    """The same for every training server. Arrays run over servers.

    Attributes:
        away: 1 where jobs run in another region than the data's, else 0.
        in_usd_per_byte: Home's price of a byte that leaves it.
        out_usd_per_byte: The region's.
        waiting_seconds: Expected, by what a region refused lately.
    """

    away: Floats
    in_usd_per_byte: Floats
    out_usd_per_byte: Floats
    waiting_seconds: Floats

    def copying_seconds(self, what: Moved) -> Floats:
        """Until the jobs have their inputs, and home has what they made."""
        return np.asarray(self.away * what.seconds, dtype=np.float64)

    def usd(self, what: Moved, training_seconds: Floats) -> Floats:
        """The bill of every copy; a checkpoint each `CHECKPOINT_COPY_SECONDS` of training."""
        home = what.outputs + what.checkpoint * training_seconds / CHECKPOINT_COPY_SECONDS
        cost = what.inputs * self.in_usd_per_byte + home * self.out_usd_per_byte
        return np.asarray(self.away * cost, dtype=np.float64)


def elsewhere(request: PlanningRequest, servers: ServerTable) -> RegionCosts:
    """What each server's region adds. Where no worker regions are known, nothing is moved."""
    home, rows = request.region, servers.rows
    away = [float(bool(request.training_regions) and row.region != home) for row in rows]
    return RegionCosts(
        away=np.array(away),
        in_usd_per_byte=np.array([transfer_usd_per_gb(home, row.region) / GIB for row in rows]),
        out_usd_per_byte=np.array([transfer_usd_per_gb(row.region, home) / GIB for row in rows]),
        waiting_seconds=np.array([3600 * waiting_hours(request.refusals, row) for row in rows]),
    )


def waiting_hours(refusals: Iterable[RecentRefusal], row: ServerRow) -> float:
    """Expected loss by another refusal: its probability times what one costs."""
    return REFUSED_HOURS * refusal_chance(refusals, row)


def refusal_chance(refusals: Iterable[RecentRefusal], row: ServerRow) -> float:
    """Probability that a region has no capacity for a server again.

    Each refusal of the same server foretells another with probability 2^(−age / half-life),
    independently of the others.
    """
    granted, server = 1.0, (row.region, row.instance.instance_type, row.purchase)
    for refusal in refusals:
        if (refusal.region, refusal.instance_type, refusal.purchase) == server:
            granted *= 1 - 2 ** (-refusal.hours_ago / REFUSAL_HALF_LIFE_HOURS)
    return 1 - granted
