"""Training: arithmetic, seconds and dollars. Arguments that differ by server are arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stratos.catalog.servers import SPOT_BILLED_SHARE
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.planning.arrays import Floats, Mask
from stratos.planning.forecast.engine import HIDDEN_SHARE
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Method, OptimizerName

SPOT_WAIT_SECONDS = 600.0
"""Waiting for spare capacity; assumed, AWS publishes none."""
CHECKPOINT_SECONDS = 300.0


def linear_flop_per_token(model: Transformer, method: Method, learned_share: float = 1.0) -> float:
    """6 FLOP a weight for full fine-tuning, 4 for LoRA, which spares the frozen ones' gradients.

    Kaplan et al. (arXiv 2001.08361, section 2.1). Embeddings are only looked up, and only tokens
    that carry a loss are projected to the vocabulary.

    Args:
        learned_share: Of the tokens that carry a loss.
    """
    each = 6.0 if method == "full" else 4.0
    return each * (model.active_body_parameters + learned_share * model.table_parameters)


def teacher_flop_per_token(teacher: Transformer, learned_share: float) -> float:
    """Its forward pass: 2 FLOP a weight."""
    return 2.0 * (teacher.active_body_parameters + learned_share * teacher.table_parameters)


def attention_flop_per_token(model: Transformer, sequence_tokens: float) -> float:
    """6 · L · q · s: half of the 12 · L · q · s of full attention, for a causal mask."""
    return 6.0 * model.layers * model.query_width * sequence_tokens


def optimizer_flop(model: Transformer, optimizer: OptimizerName) -> float:
    """Matrix products of one update: Muon's five Newton-Schulz steps, 4 · m² · n + 2 · m³ each.

    Of a matrix of m · n weights, m the smaller side (Keller Jordan's Muon).
    """
    if optimizer == "adamw":
        return 0.0
    hidden, queries, keys, inner = (
        float(model.hidden_size),
        float(model.query_width),
        float(model.key_width),
        model.inner_width,
    )
    sides = [(hidden, queries)] * 2 + [(hidden, keys)] * 2 + [(hidden, inner)] * 3
    pairs = [sorted(side) for side in sides]
    return model.layers * sum(5.0 * (4 * m * m * n + 2 * m**3) for m, n in pairs)


@dataclass(frozen=True)
class TrainingRates:
    """What one training server reaches; arrays over servers.

    Attributes:
        flop_per_second: Peak of one device.
        matrices: Share of it that matrix products reach at the model's width.
        attention: Of that share, what attention reaches.
        elementwise_flop: Other work, as FLOP at peak per token, layer and hidden unit.
        step_seconds: Of one optimizer step, however many tokens it has: dispatch, and the update.
        largest_part: Share of a step's tokens that the busiest device has.
        link_seconds: Traffic between devices in one step.
    """

    flop_per_second: Floats
    matrices: Floats
    attention: Floats
    elementwise_flop: Floats
    step_seconds: Floats
    largest_part: Floats | float = 1.0
    link_seconds: Floats | float = 0.0


def training_tokens_per_second(
    model: Transformer,
    method: Method,
    sequence_tokens: float,
    batch_tokens: float,
    rates: TrainingRates,
    *,
    learned_share: float = 1.0,
    teacher: Transformer | None = None,
) -> Floats:
    """Rate of an optimizer step, over all devices that take part in it.

    Matrix products, attention and elementwise work of the busiest device; traffic between devices,
    which partly overlaps with them; and what does not depend on the tokens.

    Args:
        learned_share: Of the tokens that carry a loss.
        teacher: Asked about every batch.
    """
    flop = linear_flop_per_token(model, method, learned_share) / rates.matrices
    if teacher is not None:
        flop = flop + teacher_flop_per_token(teacher, learned_share) / rates.matrices
        flop = flop + rates.elementwise_flop / 3 * teacher.layers * teacher.hidden_size
    flop = flop + attention_flop_per_token(model, sequence_tokens) / (
        rates.matrices * rates.attention
    )
    flop = flop + rates.elementwise_flop * model.layers * model.hidden_size
    computing = batch_tokens * rates.largest_part * flop / rates.flop_per_second
    longer = np.maximum(computing, rates.link_seconds)
    shorter = np.minimum(computing, rates.link_seconds)
    seconds = longer + (1 - HIDDEN_SHARE) * shorter + rates.step_seconds
    return np.asarray(batch_tokens / seconds, dtype=np.float64)


def sharding_bytes(
    model: Transformer, method: Method, bytes_per_value: float, num_devices: int
) -> float:
    """What each device receives for one micro-batch: 3 · P values (full), 2 · P (LoRA).

    Every layer is gathered for the forward pass and again for the backward pass, and its gradient,
    if it has one, is reduced and scattered (ZeRO-3, arXiv 1910.02054, section 7.2.2).
    Full fine-tuning keeps and exchanges float32.
    """
    whole = 3 * 4.0 if method == "full" else 2 * bytes_per_value
    return whole * model.parameters * (num_devices - 1) / num_devices


def spot_seconds(running_seconds: Floats, interruptions_per_month: Floats) -> Floats:
    """Expected wall-clock of a managed-spot job that resumes from checkpoints.

    Interruptions arrive as a Poisson process whose monthly probability is the Spot Advisor's; each
    costs another wait for capacity and half a checkpoint interval of work.
    """
    per_second = -np.log1p(-np.minimum(interruptions_per_month, 0.99)) / (HOURS_PER_MONTH * 3600)
    lost = SPOT_WAIT_SECONDS + CHECKPOINT_SECONDS / 2
    return np.asarray(
        running_seconds + SPOT_WAIT_SECONDS + running_seconds * per_second * lost, dtype=np.float64
    )


def billed_usd(running_seconds: Floats, usd_per_hour: Floats, spot: Mask) -> Floats:
    """Billed seconds at the on-demand rate: managed spot bills fewer seconds, no lower rate."""
    share = np.where(spot, SPOT_BILLED_SHARE, 1.0)
    return np.asarray(running_seconds / 3600 * share * usd_per_hour, dtype=np.float64)
