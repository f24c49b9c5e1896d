"""Serving: latency and throughput of one replica, by roofline and queueing, in seconds.

Every argument that differs by server is an array, one entry a server.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats, Integers
from stratos.planning.forecast.transformer import Transformer

LENGTH_SPREAD = 1.25
"""95th percentile over mean of output lengths; assumed, corrected by calibration."""
_P95_DEVIATIONS = 1.645
"""Standard deviations above the mean that 95% lie below."""
SLOT_COUNTS = (1, 2, 4, 8, 16, 32)
"""Of an engine whose slots are fixed when it starts."""
_ROUNDS = 200
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class ReplicaRates:
    """What one replica reaches for one model and precision; arrays over servers.

    Attributes:
        prefill_flop_per_second: Reached in the matrix products of a prompt.
        decode_flop_per_second: Reached in those of a decoding step.
        elementwise_seconds: Other work of a forward pass, per token, layer and hidden unit.
        bytes_per_second: Reached from memory.
        overlap: 1 where memory traffic hides behind arithmetic, 0 where the two add up.
        forward_seconds: Dispatch of one forward pass.
        sequence_seconds: Bookkeeping of a sequence per decoding step.
        request_seconds: Of one request outside the model.
        link_seconds: Traffic between a replica's devices, per token that passes through it.
        slots: Sequences decoded at once, as memory and the engine allow.
        weight_bytes: Of one weight.
        cache_bytes: Of one key or value.
        devices: That one replica is spread over.
        replicas: On one instance.
        prefill_factor: Calibration of the speed of reading prompts.
        decode_factor: Calibration of the speed of decoding.
    """

    prefill_flop_per_second: Floats
    decode_flop_per_second: Floats
    elementwise_seconds: Floats
    bytes_per_second: Floats
    overlap: Floats
    forward_seconds: Floats
    sequence_seconds: Floats
    request_seconds: Floats
    slots: Floats
    weight_bytes: Floats | float
    cache_bytes: Floats | float
    link_seconds: Floats | float = 0.0
    devices: Floats | float = 1.0
    replicas: Floats | float = 1.0
    prefill_factor: Floats | float = 1.0
    decode_factor: Floats | float = 1.0


def at_rows(rates: ReplicaRates, rows: Integers) -> ReplicaRates:
    """The rates of some servers."""
    columns = {field.name: getattr(rates, field.name) for field in fields(rates)}
    kept = {name: value[rows] for name, value in columns.items() if isinstance(value, np.ndarray)}
    return replace(rates, **kept)


def slower(rates: ReplicaRates, factor: Floats) -> ReplicaRates:
    """The same replicas if everything takes this many times as long."""
    return replace(
        rates,
        prefill_flop_per_second=rates.prefill_flop_per_second / factor,
        decode_flop_per_second=rates.decode_flop_per_second / factor,
        elementwise_seconds=rates.elementwise_seconds * factor,
        bytes_per_second=rates.bytes_per_second / factor,
        forward_seconds=rates.forward_seconds * factor,
        sequence_seconds=rates.sequence_seconds * factor,
        request_seconds=rates.request_seconds * factor,
    )


def prefill_seconds(model: Transformer, prompt_tokens: float, rates: ReplicaRates) -> Floats:
    """Reading a prompt: 2 FLOP a weight and token (arXiv 2211.05102, section 2), other work, one
    dispatch.

    The embedding is only looked up, and only the last token is projected to the vocabulary.
    """
    arithmetic = 2.0 * model.active_body_parameters / rates.prefill_flop_per_second
    head = 2.0 * model.table_parameters / rates.prefill_flop_per_second
    other = rates.elementwise_seconds * model.layers * model.hidden_size
    each = arithmetic + other + rates.link_seconds
    seconds = prompt_tokens * each + head + rates.forward_seconds
    return np.asarray(seconds / rates.prefill_factor, dtype=np.float64)


def decode_step_seconds(
    model: Transformer,
    batch: Floats,
    context_tokens: float,
    rates: ReplicaRates,
) -> Floats:
    """One token for each of `batch` sequences: roofline of memory and arithmetic, and dispatch.

    Memory: (W + k · KV · context) / bandwidth; arithmetic: 2 · P · k / FLOP/s (arXiv 2211.05102).
    Their maximum if they overlap, their sum if they do not.
    """
    cache = batch * model.kv_values(context_tokens) * rates.cache_bytes
    memory = (model.active_parameters * rates.weight_bytes + cache) / rates.bytes_per_second
    each = 2.0 * model.active_parameters / rates.decode_flop_per_second
    each = each + rates.elementwise_seconds * model.layers * model.hidden_size
    arithmetic = batch * each
    longer, shorter = np.maximum(memory, arithmetic), np.minimum(memory, arithmetic)
    dispatch = rates.forward_seconds + batch * (rates.sequence_seconds + rates.link_seconds)
    seconds = longer + (1 - rates.overlap) * shorter + dispatch
    return np.asarray(seconds / rates.decode_factor, dtype=np.float64)


@dataclass(frozen=True)
class RequestShape:
    """How long a request and its answer are."""

    prompt_tokens: float
    output_tokens: float

    @property
    def context_tokens(self) -> float:
        """Mean length of a sequence while it decodes."""
        return self.prompt_tokens + self.output_tokens / 2


def engine_seconds(
    model: Transformer,
    shape: RequestShape,
    batch: Floats,
    rates: ReplicaRates,
) -> Floats:
    """Engine time that one request takes up if `batch` of them decode together."""
    step = decode_step_seconds(model, batch, shape.context_tokens, rates)
    prefill = prefill_seconds(model, shape.prompt_tokens, rates)
    return prefill + shape.output_tokens * step / batch


def capacity(model: Transformer, shape: RequestShape, rates: ReplicaRates) -> Floats:
    """Requests per second of one replica with every slot in use."""
    return 1.0 / engine_seconds(model, shape, rates.slots, rates)


def enough_slots(
    model: Transformer, shape: RequestShape, requests_per_second: Floats, rates: ReplicaRates
) -> Floats:
    """The fewest slots in which the requests of a replica are answered without a queue.

    As many as requests are there at once 95% of the time (Little's law at the time that 95% of them
    stay below), and as hold the load at the utilisation that a fleet is planned for. Never more
    than `rates.slots`, which memory and the engine allow.
    """
    longer = RequestShape(shape.prompt_tokens, shape.output_tokens * LENGTH_SPREAD)
    seconds = residence_seconds(model, longer, requests_per_second, rates, spread=_P95_DEVIATIONS)
    others = requests_per_second * np.minimum(seconds, 1e9)
    at_once = 1.0 + others + _P95_DEVIATIONS * np.sqrt(others)
    chosen = rates.slots
    for count in reversed(SLOT_COUNTS):
        fewer = np.minimum(float(count), rates.slots)
        sustained = capacity(model, shape, replace(rates, slots=fewer))
        holds = (fewer >= at_once) & (requests_per_second <= MAX_UTILISATION * sustained)
        chosen = np.where(holds, fewer, chosen)
    return np.asarray(chosen, dtype=np.float64)


def residence_seconds(
    model: Transformer,
    shape: RequestShape,
    requests_per_second: Floats,
    rates: ReplicaRates,
    spread: float = 0.0,
) -> Floats:
    """Time from admission to the last token, at the batch Little's law gives.

    The batch a request meets is k = 1 + λ·S, plus `spread` standard deviations of a Poisson
    count; other arrivals' prefills stall it by λ·S·prefill. Solved by fixed-point iteration from
    below; infinite if arrivals alone fill the engine.
    """
    prefill = prefill_seconds(model, shape.prompt_tokens, rates)
    stalled = requests_per_second * prefill
    found = prefill.copy()
    open_ = np.arange(len(found))
    fixed, seconds, arrivals = prefill, prefill, requests_per_second
    available = np.maximum(1.0 - stalled, 1e-9)
    settled = np.zeros(len(found), dtype=np.bool_)
    for _ in range(_ROUNDS):
        others = arrivals * seconds
        batch = np.minimum(1.0 + others + spread * np.sqrt(others), rates.slots)
        step = decode_step_seconds(model, batch, shape.context_tokens, rates)
        updated = (fixed + shape.output_tokens * step) / available
        close = np.abs(updated - seconds) <= _TOLERANCE * seconds
        # A settled server keeps its figure: it must not depend on the other servers.
        seconds = np.where(settled, seconds, updated)
        settled = settled | close
        if 2 * settled.sum() < len(settled):
            continue
        # Few are open: only they go on.
        found[open_] = seconds
        left = np.flatnonzero(~settled)
        if not len(left):
            break
        open_, rates = open_[left], at_rows(rates, left)
        fixed, seconds, arrivals = fixed[left], seconds[left], arrivals[left]
        available, settled = available[left], settled[left]
    else:
        found[open_] = seconds
    return np.asarray(np.where(stalled >= 1.0, np.inf, found), dtype=np.float64)


def latency_seconds(
    model: Transformer,
    shape: RequestShape,
    requests_per_second: Floats,
    rates: ReplicaRates,
    round_trip_seconds: Floats,
    *,
    percentile: float = 0.95,
    length_spread: float = LENGTH_SPREAD,
) -> Floats:
    """Latency a client sees at a percentile, for open-loop arrivals.

    Above the median: a batch 1.645 standard deviations fuller (95%), a longer output, and the wait
    for a slot, W_q = ρ^√(2(c+1)) / (c(1 − ρ)) · S with c slots (Sakasegawa 1977), whose tail is
    taken as exponential. Infinite at full utilisation.
    """
    # 0.5 -> 0, 0.95 -> 1.645: the normal quantile, near enough between the two.
    deviations = _P95_DEVIATIONS * max(0.0, percentile - 0.5) / 0.45
    utilisation = requests_per_second / capacity(model, shape, rates)
    longer = RequestShape(
        shape.prompt_tokens,
        shape.output_tokens * (1 + (length_spread - 1) * deviations / _P95_DEVIATIONS),
    )
    residence = residence_seconds(model, longer, requests_per_second, rates, spread=deviations)
    busy = np.minimum(utilisation, 1 - 1e-9)
    exponent = np.sqrt(2.0 * (rates.slots + 1.0))
    waiting = busy**exponent / (rates.slots * (1 - busy)) * residence
    tail = -np.log(1 - percentile)
    total = residence + tail * waiting + rates.request_seconds + round_trip_seconds
    return np.asarray(np.where(utilisation >= 1.0, np.inf, total), dtype=np.float64)
