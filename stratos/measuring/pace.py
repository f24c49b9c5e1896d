"""How fast an idle endpoint reads a prompt and writes an answer, measured from outside.

Works with any server: a request for a single token takes as long as reading the prompt, and a whole
answer takes longer by its further tokens. Both include the network's round trip.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stratos.contracts.measurements import Pace
from stratos.measuring.load import Clock, Question, Reply

NUM_QUESTIONS = 10


@dataclass(frozen=True)
class Alone:
    """What an endpoint did with one request at a time.

    Attributes:
        pace: None if too few answers came back, or none has a second token.
        failed: A request failed, and no other was sent.
    """

    pace: Pace | None = None
    failed: bool = False


def measure_pace(
    ask: Callable[[Question, int | None], Reply], questions: Sequence[Question], clock: Clock
) -> Alone:
    """Ask questions one after another: half of them for one token, the others for a whole answer.

    No question is asked twice, since a server may cache the prompts it has read. The first request
    that fails ends it: each one may take as long as SageMaker waits.

    Args:
        ask: Takes a question and the most tokens wanted; None for no limit.
        questions: The first `NUM_QUESTIONS` are asked.
    """
    asked = questions[:NUM_QUESTIONS]
    half = len(asked) // 2
    try:
        reading = _timed(ask, asked[:half], 1, clock)
        writing = _timed(ask, asked[half:], None, clock)
    except Exception:  # the load test that follows counts, tells and judges failures
        return Alone(failed=True)
    return Alone(_pace(reading, writing))


def _pace(
    reading: Sequence[tuple[Reply, float]], writing: Sequence[tuple[Reply, float]]
) -> Pace | None:
    speeds = [reply.prompt_tokens / seconds for reply, seconds in reading if seconds > 0]
    if not speeds or (prefill := statistics.median(speeds)) <= 0:
        return None
    decodes = [
        (reply.completion_tokens - 1) / further
        for reply, seconds in writing
        if reply.completion_tokens > 1 and (further := seconds - reply.prompt_tokens / prefill) > 0
    ]
    if not decodes:
        return None
    return Pace(
        prefill_tokens_per_second=prefill, decode_tokens_per_second=statistics.median(decodes)
    )


def _timed(
    ask: Callable[[Question, int | None], Reply],
    questions: Sequence[Question],
    max_tokens: int | None,
    clock: Clock,
) -> list[tuple[Reply, float]]:
    found = []
    for question in questions:
        started = clock.now()
        reply = ask(question, max_tokens)
        found.append((reply, clock.now() - started))
    return found
