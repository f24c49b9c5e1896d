"""What a served precision costs in accuracy, before it is measured: a prior, stated as such.

llama.cpp publishes how much perplexity rises (tools/perplexity/README.md, LLaMA 3 8B: q8_0 0.05%,
q4_K_M 2.8%; Llama 2 70B: q4_K_M 1.2%). The same share of right answers is assumed to be lost.
"""

from __future__ import annotations

from stratos.contracts.plan import Interval, ServedPrecision

LOSS_AT_8B: dict[ServedPrecision, float] = {"q8_0": 0.001, "q4_k_m": 0.028}
"""Share of right answers that is lost; nothing without quantisation."""
SMALLER_EXPONENT = 0.25
"""A model N times smaller loses N^0.25 as much. Assumed: 2 times for half a billion weights."""
MOST_TIMES = 5.0
SPREAD = 3.0
"""95% bounds: a third of it, and three times as much. Assumed."""
_PUBLISHED_FOR = 8e9


def lost_share(precision: ServedPrecision | None, parameters: float) -> Interval:
    """Of a model's right answers, what serving it in this precision is expected to cost."""
    at_8b = 0.0 if precision is None else LOSS_AT_8B.get(precision, 0.0)
    times = min(MOST_TIMES, (_PUBLISHED_FOR / parameters) ** SMALLER_EXPONENT)
    value = at_8b * times
    return Interval(value=value, lo=value / SPREAD, hi=min(1.0, value * SPREAD))


def quantised(accuracy: Interval, loss: Interval) -> Interval:
    """An accuracy in full precision, as it is expected once that share is lost."""
    return Interval(
        value=accuracy.value * (1 - loss.value),
        lo=accuracy.lo * (1 - loss.hi),
        hi=accuracy.hi * (1 - loss.lo),
    )
