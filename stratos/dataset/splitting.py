"""Which records are held out, which probe, which train: decided by content, never by order.

Groups (records that are variants of each other, or else one normalised question) are ordered by
the hash of their key and dealt whole. The same records always give the same splits, and new records
move few of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stratos.contracts.records import Split
from stratos.dataset.ledger import Group

MIN_TRAIN_RECORDS = 50


@dataclass(frozen=True)
class Dealt:
    """Groups taken for one split, and how many records it still lacks."""

    keys: frozenset[bytes]
    missing: int


def deal(groups: Iterable[Group], wanted: int, refuse: Callable[[Group], bool]) -> Dealt:
    """Take whole groups in their order until `wanted` records are there.

    A group is taken only if all its records can be judged, it still fits, and `refuse` does not
    object. `refuse` is called last, since it may have to read the disk.
    """
    taken: set[bytes] = set()
    missing = wanted
    for group in groups:
        if not missing:
            break
        if group.judged and group.size <= missing and not refuse(group):
            taken.add(group.key)
            missing -= group.size
    return Dealt(frozenset(taken), missing)


def shortage(
    counts: tuple[int, int, int], wanted: dict[Split, int], found: dict[Split, int]
) -> str | None:
    """The message for a dataset that is too small; None if it is large enough.

    Args:
        counts: Records, those that can be judged, and groups.
    """
    if all(found[split] >= count for split, count in wanted.items()):
        return None
    num_records, judged, num_groups = counts
    return (
        f"too few records: {num_records} usable ones, {judged} of them with an answer to judge by "
        f"(gold, unless the verifier needs none), in {num_groups} groups that stay together. "
        f"Needed: {wanted['heldout']} held-out and {wanted['probe']} probe records with an answer, "
        f"and {wanted['train']} to train on, {sum(wanted.values())} in all; found "
        f"{found['heldout']}, {found['probe']} and {found['train']}. "
        "Add records, or lower task.heldout_records and task.probe_records"
    )
