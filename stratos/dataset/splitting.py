"""Which records are held out, which probe, which train: decided by content, never by order.

Groups (records that are variants of each other, or else one normalised question) are ordered by
the hash of their key and dealt whole. The same records always give the same splits, and adding
some moves few of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stratos.errors import DatasetRejected
from stratos.records import Split
from stratos.spec import Task

MIN_TRAIN_RECORDS = 50


@dataclass(frozen=True)
class GroupMember:
    """A record as the split sees it: its group's key, and whether an answer to it can be judged."""

    group: str
    judged: bool


def assign_splits(
    members: Sequence[GroupMember], task: Task, *, clashes: Iterable[int] = ()
) -> list[Split]:
    """Return the split of each member, as many held out and probing as the task asks.

    A group goes to the held-out or probe split only if every record of it can be judged and it
    still fits in. Members named in `clashes` never leave the training split.

    Raises:
        DatasetRejected: with the counts, when there are too few records.
    """
    groups: dict[str, list[int]] = {}
    for index, member in enumerate(members):
        groups.setdefault(member.group, []).append(index)
    kept_back = set(clashes)
    wanted: dict[Split, int] = {"heldout": task.heldout_records, "probe": task.probe_records}
    missing = dict(wanted)
    splits: list[Split] = ["train"] * len(members)
    for key in sorted(groups, key=_hash_order):
        indices = groups[key]
        if not all(members[i].judged and i not in kept_back for i in indices):
            continue
        split = next((name for name, left in missing.items() if len(indices) <= left), None)
        if split is None:
            continue
        missing[split] -= len(indices)
        for index in indices:
            splits[index] = split
        if not any(missing.values()):
            break
    _check_enough(members, splits, wanted, missing)
    return splits


def _hash_order(group: str) -> bytes:
    return hashlib.sha256(group.encode()).digest()


def _check_enough(
    members: Sequence[GroupMember],
    splits: Sequence[Split],
    wanted: dict[Split, int],
    missing: dict[Split, int],
) -> None:
    num_train = splits.count("train")
    if not any(missing.values()) and num_train >= MIN_TRAIN_RECORDS:
        return
    judged = sum(member.judged for member in members)
    asked = sum(wanted.values())
    raise DatasetRejected(
        f"too few records: {len(members)} usable ones, {judged} of them with an answer to judge by "
        f"(gold, unless the verifier needs none), in {len({m.group for m in members})} groups that "
        f"stay together. Needed: {wanted['heldout']} held-out and {wanted['probe']} probe records "
        f"with an answer, and {MIN_TRAIN_RECORDS} to train on, {asked + MIN_TRAIN_RECORDS} in all; "
        f"found {wanted['heldout'] - missing['heldout']}, {wanted['probe'] - missing['probe']} and "
        f"{num_train}. Add records, or lower task.heldout_records and task.probe_records"
    )
