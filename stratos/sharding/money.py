"""A budget that shards share: split up front, and what some leave is handed out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WORTH_A_START = 0.02
"""Share of the budget that must be left for another round: every job that takes part starts."""


def handed_out_again(
    budget_usd: float, spent_usd: Mapping[str, float], hungry: Sequence[str]
) -> dict[str, float]:
    """What each shard that ran out of money may spend beyond what it has spent; empty for nothing.

    All jobs have ended when this is asked, so that nothing else can be spent meanwhile: a shard
    never spends more than it is given, and all that is given out is what is left.

    Args:
        budget_usd: Of all shards together, from the beginning.
        spent_usd: By every shard so far.
        hungry: Shards that had calls to make and no money for them.
    """
    left = budget_usd - sum(spent_usd.values())
    if not hungry or left <= _WORTH_A_START * budget_usd:
        return {}
    return dict.fromkeys(hungry, left / len(hungry))
