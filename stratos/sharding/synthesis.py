"""From what synthesis counted, in one job or in several, to its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.shards import SynthesisCounts
from stratos.errors import TooFewVerifiedRecords
from stratos.scoring.reasons import too_few
from stratos.spec import StrategyName, Synthesis
from stratos.statistics.wilson import proportion

LOGS = "logs"
"""What logged replies are counted under, beside the strategies."""


def synthesis_result(
    counts: SynthesisCounts,
    *,
    strategy: StrategyName,
    seconds: float,
    usd: float,
    prompt_tokens: int,
    completion_tokens: int,
) -> SynthesizeResult:
    """The result of one job."""
    kept = sum(counts.kept.values())
    return SynthesizeResult(
        seconds=seconds,
        usd=usd,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        strategy=strategy,
        asked=questions_asked(counts),
        kept=kept,
        kept_of_logs=counts.kept_of_logs,
        calls=counts.calls,
        yield_by_strategy={
            name: proportion(counts.kept.get(name, 0), asked)
            for name, asked in sorted(counts.asked.items())
        },
        rejects=most_frequent_first(counts.rejects),
        tokens_per_second=(
            counts.timed_tokens / counts.asking_seconds if counts.asking_seconds else 0.0
        ),
        mean_completion_tokens=counts.written_tokens / max(1, kept),
        counts=counts,
    )


def merged_synthesis(shards: Sequence[SynthesizeResult]) -> SynthesizeResult:
    """The result of all shards, as one job would have it; its pace is that of one server."""
    return synthesis_result(
        added_up([counts_of(shard) for shard in shards]),
        strategy=shards[0].strategy,
        seconds=max(shard.seconds for shard in shards),
        usd=sum(shard.usd for shard in shards),
        prompt_tokens=sum(shard.prompt_tokens for shard in shards),
        completion_tokens=sum(shard.completion_tokens for shard in shards),
    )


def counts_of(shard: SynthesizeResult) -> SynthesisCounts:
    assert shard.counts is not None, "every shard counts"
    return shard.counts


def added_up(parts: Sequence[SynthesisCounts]) -> SynthesisCounts:
    """The counts of all shards together."""
    return SynthesisCounts(
        asked=_added([part.asked for part in parts]),
        kept=_added([part.kept for part in parts]),
        kept_of_logs=sum(part.kept_of_logs for part in parts),
        rejects=_added([part.rejects for part in parts]),
        written_tokens=sum(part.written_tokens for part in parts),
        calls=sum(part.calls for part in parts),
        timed_tokens=sum(part.timed_tokens for part in parts),
        asking_seconds=sum(part.asking_seconds for part in parts),
        unpaid=sum(part.unpaid for part in parts),
    )


def questions_asked(counts: SynthesisCounts) -> int:
    """Questions that were put to anyone: a log that was wrong may have been asked again."""
    live = max((asked for name, asked in counts.asked.items() if name != LOGS), default=0)
    return max(counts.asked.get(LOGS, 0), counts.kept_of_logs + live)


def require_yield(counts: SynthesisCounts, synthesis: Synthesis, answer_marker: str) -> None:
    """Refuse too few records; of shards, all together count.

    Raises:
        TooFewVerifiedRecords: with what speaks against more.
    """
    kept, asked = sum(counts.kept.values()), questions_asked(counts)
    needed = synthesis.needed_records(asked)
    if kept < needed:
        rejects = Counter(most_frequent_first(counts.rejects))
        raise TooFewVerifiedRecords(too_few(kept, asked, needed, rejects, answer_marker))


def most_frequent_first(rejects: dict[str, int]) -> dict[str, int]:
    """Reasons by their number, and by name where that is equal: the same from any shards."""
    return dict(sorted(rejects.items(), key=lambda item: (-item[1], item[0])))


def _added(counters: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return dict(sorted(total.items()))
