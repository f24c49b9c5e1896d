"""How fast an idle endpoint reads a prompt and writes an answer, measured from outside.

Works with any server: a request for a single token takes as long as reading the prompt, and a whole
answer takes longer by its further tokens. Both include the network's round trip.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from stratos.contracts.measurements import Pace
from stratos.measuring.load import Clock, Question, Reply

NUM_QUESTIONS = 10


def measure_pace(
    ask: Callable[[Question, int | None], Reply], questions: Sequence[Question], clock: Clock
) -> Pace | None:
    """Ask questions one after another: half of them for one token, the others for a whole answer.

    No question is asked twice, since a server may cache the prompts it has read.

    Args:
        ask: Takes a question and the most tokens wanted; None for no limit.
        questions: The first `NUM_QUESTIONS` are asked; failed requests do not count.

    Returns:
        None if too few came back, or no answer has a second token.
    """
    asked = questions[:NUM_QUESTIONS]
    half = len(asked) // 2
    reading = _timed(ask, asked[:half], 1, clock)
    writing = _timed(ask, asked[half:], None, clock)
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
        try:
            reply = ask(question, max_tokens)
        except Exception:  # the load test that follows counts and judges failures
            continue
        found.append((reply, clock.now() - started))
    return found
