"""Checks of a catalog; `stratos catalog check` lists what fails them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pydantic import PositiveInt

from stratos.catalog.models import HubModel
from stratos.catalog.servers import STALE_DAYS, InstanceType, ServerCatalog
from stratos.frozen import FrozenModel

PARAMETER_TOLERANCE = 0.01


class Dimensions(FrozenModel):
    """Sizes of a decoder-only transformer, from which its parameters can be counted."""

    num_layers: PositiveInt
    hidden_size: PositiveInt
    num_heads: PositiveInt
    num_kv_heads: PositiveInt
    head_dim: PositiveInt
    intermediate_size: int = 0
    """Of the dense feed-forward block; 0 where every layer has experts."""
    vocabulary_size: PositiveInt
    tied_embeddings: bool
    num_experts: int = 0
    experts_per_token: int = 0
    expert_size: int = 0


def count_parameters(dims: Dimensions, *, active: bool = False) -> int:
    """Count weights: embeddings, attention, gated feed-forward, norms.

    With `active`, only the experts one token passes through.
    """
    query = dims.num_heads * dims.head_dim
    key_value = dims.num_kv_heads * dims.head_dim
    attention = dims.hidden_size * (2 * query + 2 * key_value)
    if dims.num_experts:
        experts = dims.experts_per_token if active else dims.num_experts
        feed_forward = 3 * dims.hidden_size * dims.expert_size * experts
        feed_forward += dims.hidden_size * dims.num_experts
    else:
        feed_forward = 3 * dims.hidden_size * dims.intermediate_size
    embeddings = dims.vocabulary_size * dims.hidden_size
    layers = dims.num_layers * (attention + feed_forward + 2 * dims.hidden_size)
    return layers + embeddings * (1 if dims.tied_embeddings else 2) + dims.hidden_size


def server_problems(catalog: ServerCatalog, today: date) -> Iterator[str]:
    """What is wrong or doubtful about servers, one sentence each."""
    names = [row.instance_type for row in catalog.instance_types]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"{name} is listed twice"
    for row in catalog.instance_types:
        yield from _instance_problems(row)
        stale = sorted(
            {p.region for p in row.prices if (today - p.as_of).days > STALE_DAYS}
            - {p.region for p in row.prices if (today - p.as_of).days <= STALE_DAYS}
        )
        if stale:
            yield f"{row.instance_type}: prices older than {STALE_DAYS} days in {', '.join(stale)}"


def _instance_problems(row: InstanceType) -> Iterator[str]:
    name = row.instance_type
    if (row.num_accelerators > 0) != (row.accelerator is not None):
        yield f"{name}: {row.num_accelerators} accelerators, of type {row.accelerator}"
    if row.num_accelerators and row.accelerator_memory_gib is None:
        yield f"{name}: the memory of its accelerators is missing"
    if row.memory_bandwidth_gb_per_s is None or (row.tflops_16bit or row.tflops_32bit) is None:
        yield f"{name}: its rates are unknown, so it is never chosen"
    if not row.training and not row.hosting:
        yield f"{name}: offered neither for training nor for hosting"
    keys = [(p.region, p.component, p.kind, p.as_of) for p in row.prices]
    for key in sorted({k for k in keys if keys.count(k) > 1}, key=str):
        yield f"{name}: two prices for {key}"


def model_problems(models: dict[str, HubModel]) -> Iterator[str]:
    """Models whose parameter count does not follow from their dimensions."""
    for row in models.values():
        counted = count_parameters(dimensions_of(row))
        gap = counted / row.num_parameters - 1
        if abs(gap) > PARAMETER_TOLERANCE:
            yield (
                f"{row.hub}: its dimensions give {counted:,} parameters, "
                f"the table says {row.num_parameters:,} ({gap:+.1%})"
            )


def dimensions_of(row: HubModel) -> Dimensions:
    return Dimensions(
        num_layers=row.num_layers,
        hidden_size=row.hidden_size,
        num_heads=row.num_heads,
        num_kv_heads=row.num_kv_heads,
        head_dim=row.head_dim,
        intermediate_size=row.intermediate_size or 0,
        vocabulary_size=row.vocabulary_size,
        tied_embeddings=row.tied_embeddings,
        num_experts=row.num_experts or 0,
        experts_per_token=row.experts_per_token or 0,
        expert_size=row.expert_size or 0,
    )
