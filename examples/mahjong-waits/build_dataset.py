"""Build or verify dataset.jsonl: waiting hands and the exact set of tiles that completes each.

    python examples/mahjong-waits/build_dataset.py            # write it
    python examples/mahjong-waits/build_dataset.py --verify   # check every row of it

Two finders must agree on every row: `hands.find_waits` and the `mahjong` package.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path

import hands
from corpus import is_dataset_hand, question
from hands import COPIES, TILES, Hand
from mahjong.agari import Agari

HERE = Path(__file__).parent
NUM_ROWS = 8000
SEED = 20
# Share of rows by number of completing tiles; the last one stands for four and more.
WAIT_SHARES = {1: 0.30, 2: 0.40, 3: 0.22, 4: 0.08}


def find_waits_by_package(hand: Hand) -> list[str]:
    """List the completing tiles according to the `mahjong` package, in tile order."""
    counts = [count for suit in hand for count in suit]
    found = []
    for index, tile in enumerate(TILES):
        if counts[index] < COPIES:
            counts[index] += 1
            if Agari.is_agari(counts):
                found.append(str(tile))
            counts[index] -= 1
    return found


def agreed_answer(hand: Hand) -> list[str]:
    """List the completing tiles.

    Raises:
        ValueError: The two finders disagree.
    """
    ours = [str(wait.tile) for wait in hands.find_waits(hand)]
    theirs = find_waits_by_package(hand)
    if ours != theirs:
        raise ValueError(
            f"{hands.format_hand(hand)}: our finder says {ours}, the mahjong package {theirs}."
        )
    return ours


def build_rows(num_rows: int, seed: int) -> list[dict[str, str]]:
    """Draw hands of distinct canonical keys until every number of waits has its share."""
    rng = random.Random(seed)
    wanted = {waits: round(share * num_rows) for waits, share in WAIT_SHARES.items()}
    rows: list[dict[str, str]] = []
    keys: set[str] = set()
    while any(wanted.values()):
        hand = hands.draw_waiting_hand(rng)
        key = hands.canonical_key(hand)
        if key in keys or not is_dataset_hand(hand):
            continue
        answer = agreed_answer(hand)
        stratum = min(len(answer), max(WAIT_SHARES))
        if wanted[stratum]:
            wanted[stratum] -= 1
            keys.add(key)
            rows.append({"prompt": question(hand), "completion": " ".join(answer), "group": key})
    rng.shuffle(rows)
    return [{"id": f"hand-{index:05d}", **row} for index, row in enumerate(rows)]


def verify_rows(rows: list[dict[str, str]]) -> Counter[int]:
    """Check every row and count rows by number of completing tiles.

    Raises:
        ValueError: A row's answer, group or prompt is wrong, or a group occurs twice.
    """
    seen: set[str] = set()
    by_waits: Counter[int] = Counter()
    for row in rows:
        hand = hands.parse_hand(row["prompt"].splitlines()[0].removeprefix("Hand: "))
        answer = agreed_answer(hand)
        expected = {
            "id": row["id"],
            "prompt": question(hand),
            "completion": " ".join(answer),
            "group": hands.canonical_key(hand),
        }
        if row != expected:
            raise ValueError(f"{row['id']}: the row is {row}; it should be {expected}.")
        if row["group"] in seen:
            raise ValueError(f"{row['id']}: group {row['group']} occurs twice.")
        if not is_dataset_hand(hand):
            raise ValueError(f"{row['id']}: this hand may occur in the pretraining corpus.")
        seen.add(row["group"])
        by_waits[len(answer)] += 1
    return by_waits


def main() -> None:
    """Write the dataset, or verify the one there is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--path", type=Path, default=HERE / "dataset.jsonl")
    parser.add_argument("--rows", type=int, default=NUM_ROWS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--verify", action="store_true")
    arguments = parser.parse_args()
    if not arguments.verify:
        rows = build_rows(arguments.rows, arguments.seed)
        arguments.path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [json.loads(line) for line in arguments.path.read_text().splitlines()]
    try:
        by_waits = verify_rows(rows)
    except ValueError as error:
        sys.exit(f"{arguments.path.name} is wrong: {error}")
    print(f"{len(rows)} rows, both finders agree; by number of waits: {sorted(by_waits.items())}")


if __name__ == "__main__":
    main()
