"""A budget that shards share: split up front, and what some leave is handed out again."""

from __future__ import annotations

import math
from collections.abc import Mapping

_WORTH_A_START = 0.02
"""Share of the budget that must be left for another round: every job that takes part starts."""
_MORE = 2
"""Times what did not suffice for the next call: with hardly more, that call is refused again."""


def handed_out_again(
    budget_usd: float,
    spent_usd: Mapping[str, float],
    hungry: Mapping[str, float],
    most_usd: float = math.inf,
) -> dict[str, float]:
    """What each shard that ran out of money may spend beyond what it has spent; empty for nothing.

    All jobs have ended when this is asked, so that nothing else can be spent meanwhile: a shard
    never spends more than it is given, and all that is given out is what is left.

    Args:
        budget_usd: Of all shards together, from the beginning.
        spent_usd: By every shard so far.
        hungry: Shards that had calls to make and no money for them, and what each had left: where
            that is much, fewer of them get more.
        most_usd: That the run can pay for all.
    """
    left = min(budget_usd - sum(spent_usd.values()), most_usd)
    if left <= _WORTH_A_START * budget_usd:
        return {}
    ordered = sorted(hungry, key=lambda step: hungry[step])
    for number in range(len(ordered), 0, -1):
        if left / number >= _MORE * hungry[ordered[number - 1]]:
            return dict.fromkeys(ordered[:number], left / number)
    return {}
