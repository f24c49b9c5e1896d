"""Where the jobs that share a step stand, as one note."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.contracts.jobs import Progress


def shared_progress(newest: Progress, notes: Sequence[Progress], done: int, count: int) -> Progress:
    """What all shards say together.

    Args:
        newest: The note that was written last; what it is at stands for all.
        notes: The last one of each shard that has written any.
        done: Shards that have ended.
        count: All of them.
    """
    counted = [note for note in notes if note.unit == newest.unit]
    speeds = [note.tokens_per_second for note in notes if note.tokens_per_second is not None]
    return newest.model_copy(
        update={
            "label": f"{done} of {count} shards done: {newest.label}",
            "done": sum(note.done for note in counted),
            "total": sum(note.total for note in counted),
            "tokens_per_second": sum(speeds) if speeds else None,
            "usd": sum(note.usd for note in notes),
        }
    )
