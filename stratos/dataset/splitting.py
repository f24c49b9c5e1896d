"""Which records are held out, which probe, which train: decided by content, never by order.

Groups (records that are variants of each other, or else one normalised question) are ordered by
the hash of their key and dealt whole. The same records always give the same splits, and new records
move few of the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stratos.contracts.records import Split
from stratos.dataset.formats.row import NoAnswer
from stratos.dataset.ledger import Group

MIN_TRAIN_RECORDS = 50
_SPARE = 32
"""Groups that are remembered in case nothing fits at the end."""


@dataclass(frozen=True)
class Dealt:
    """Groups taken for one split, and how many records it still lacks; below 0, has beyond that."""

    keys: frozenset[bytes]
    missing: int


def deal(groups: Iterable[Group], wanted: int, refuse: Callable[[Group], bool]) -> Dealt:
    """Take whole groups in their order until `wanted` records are there.

    A group is taken only if all its records can be judged, it still fits, and `refuse` does not
    object. `refuse` is called last, since it may have to read the disk. Where no group fits any
    more, as with conversations of many turns each, the smallest of the others is taken, too.
    """
    taken: set[bytes] = set()
    missing = wanted
    larger: list[tuple[int, bytes, Group]] = []
    for group in groups:
        if not missing:
            break
        if not group.judged:
            continue
        if group.size > missing:
            if group.size <= wanted:
                larger = heapq.nsmallest(_SPARE, [*larger, (group.size, group.key, group)])
        elif not refuse(group):
            taken.add(group.key)
            missing -= group.size
    if missing:
        spare = next((group for _, _, group in larger if not refuse(group)), None)
        if spare is not None:
            return Dealt(frozenset({*taken, spare.key}), missing - spare.size)
    return Dealt(frozenset(taken), missing)


def shortage(
    counts: tuple[int, int, int],
    wanted: dict[Split, int],
    found: dict[Split, int],
    no_answer: Mapping[NoAnswer, int] | None = None,
) -> str | None:
    """The message for a dataset that is too small; None if it is large enough.

    Args:
        counts: Records, those that can be judged, and groups.
        no_answer: Why replies are none to learn → how many.
    """
    if all(found[split] >= count for split, count in wanted.items()):
        return None
    num_records, judged, num_groups = counts
    kinds = ", ".join(f"{count} {why}" for why, count in sorted((no_answer or {}).items()))
    told = f"Replies that are no answer: {kinds}. " if kinds else ""
    return (
        f"too few records: {num_records} usable ones, {judged} of them with an answer to judge by "
        f"(gold, unless the verifier needs none), in {num_groups} groups that stay together. "
        f"Needed: {wanted['heldout']} held-out and {wanted['probe']} probe records with an answer, "
        f"and {wanted['train']} to train on, {sum(wanted.values())} in all; found "
        f"{found['heldout']}, {found['probe']} and {found['train']}. "
        f"{told}Add records, or lower task.heldout_records and task.probe_records"
    )
