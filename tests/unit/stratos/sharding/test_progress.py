"""The progress of shards is told as that of one step."""

from __future__ import annotations

from stratos.contracts.jobs import Progress
from stratos.sharding.progress import shared_progress


def note(done: float, total: float, unit: str = "calls", speed: float | None = 10.0) -> Progress:
    return Progress(
        step="synthesize",
        label="alignment, attempt 1 of 2",
        done=done,
        total=total,
        unit=unit,
        seconds=5,
        tokens_per_second=speed,
        usd=0.5,
    )


def test_shards_add_up_and_those_that_have_ended_are_counted() -> None:
    notes = [note(20, 20), note(5, 20), note(0, 0, unit="", speed=None)]
    told = shared_progress(notes[1], notes, done=1, count=4)
    assert told.label == "1 of 4 shards done: alignment, attempt 1 of 2"
    assert (told.done, told.total, told.tokens_per_second, told.usd) == (25, 40, 20.0, 1.5)


def test_shards_that_count_nothing_yet_have_no_speed() -> None:
    only = note(0, 0, unit="", speed=None)
    told = shared_progress(only, [only], done=0, count=2)
    assert (told.total, told.tokens_per_second) == (0, None)
