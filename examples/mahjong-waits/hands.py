"""Mahjong tiles and hands: notation, an exact finder of completing tiles, a generator.

Standard form only: four melds (runs of one suit, or triplets) and a pair. Seven pairs and
thirteen orphans are not counted; the generator leaves out hands that wait for seven pairs.

A hand is written suit first, ``m68999 p345 s33 z444``; a tile is ``s6``. Inside, a hand is four
tuples of counts: nine ranks each for m, p and s, seven honours for z.
"""

from __future__ import annotations

import hashlib
import random
import re
from functools import cache
from typing import NamedTuple

SUITS = "mpsz"
RANKS = {"m": 9, "p": 9, "s": 9, "z": 7}
COPIES = 4
_HAND = re.compile(r"[mps][1-9]+|z[1-7]+")

Counts = tuple[int, ...]
Hand = tuple[Counts, Counts, Counts, Counts]


class Tile(NamedTuple):
    """A kind of tile: the index of its suit in `SUITS`, and its rank from 1."""

    suit: int
    rank: int

    def __str__(self) -> str:
        return f"{SUITS[self.suit]}{self.rank}"


class Wait(NamedTuple):
    """How one tile completes a hand.

    Attributes:
        tile: The completing tile.
        groups: The four melds and the pair in order, one of them lacking the tile: ``s57+6``.
    """

    tile: Tile
    groups: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.groups)


TILES = tuple(
    Tile(index, rank) for index, suit in enumerate(SUITS) for rank in range(1, RANKS[suit] + 1)
)


def parse_tile(text: str) -> Tile:
    """Read ``s6``.

    Raises:
        ValueError: The text names no tile.
    """
    if len(text) == 2 and text[0] in SUITS and text[1] in "123456789":
        tile = Tile(SUITS.index(text[0]), int(text[1]))
        if tile.rank <= RANKS[text[0]]:
            return tile
    raise ValueError(f"{text!r} is not a tile; write a suit of m p s z and a rank, as in s6 or z7.")


def parse_hand(text: str) -> Hand:
    """Read ``m68999 p345 s33 z444``; any number of tiles, at most four of a kind.

    Raises:
        ValueError: A word is no list of tiles of one suit, or a tile occurs five times.
    """
    counts = [[0] * RANKS[suit] for suit in SUITS]
    for word in text.split():
        if not _HAND.fullmatch(word):
            raise ValueError(f"{word!r} is not a suit letter and its ranks, as in m68999.")
        for rank in word[1:]:
            counts[SUITS.index(word[0])][int(rank) - 1] += 1
    if max(max(suit) for suit in counts) > COPIES:
        raise ValueError(f"{text!r} holds a tile more than {COPIES} times.")
    m, p, s, z = (tuple(suit) for suit in counts)
    return m, p, s, z


def format_hand(hand: Hand) -> str:
    """Write a hand suit first, ranks ascending, empty suits left out."""
    return " ".join(
        suit + "".join(str(rank + 1) * count for rank, count in enumerate(counts))
        for suit, counts in zip(SUITS, hand, strict=True)
        if any(counts)
    )


def add(hand: Hand, tile: Tile, copies: int = 1) -> Hand:
    """Return the hand with `copies` more of the tile (negative removes)."""
    suit = list(hand[tile.suit])
    suit[tile.rank - 1] += copies
    m, p, s, z = (tuple(suit) if at == tile.suit else hand[at] for at in range(4))
    return m, p, s, z


def size(hand: Hand) -> int:
    """Count the tiles."""
    return sum(map(sum, hand))


@cache
def splits(counts: Counts, runs: bool, pairs: int) -> tuple[tuple[str, ...], ...]:
    """List every split of one suit into melds and exactly `pairs` (0 or 1) pairs.

    A group is its ranks as text, ``345`` or ``77``; groups and splits are in sorted order.
    """
    rank = next((index for index, count in enumerate(counts) if count), None)
    if rank is None:
        return ((),) if pairs == 0 else ()
    options: list[tuple[str, Counts, int]] = [(str(rank + 1) * 3, (3,), pairs)]
    if pairs:
        options.append((str(rank + 1) * 2, (2,), 0))
    if runs and rank + 2 < len(counts):
        options.append((f"{rank + 1}{rank + 2}{rank + 3}", (1, 1, 1), pairs))
    found = set()
    for group, used, pairs_left in options:
        rest = list(counts)
        for offset, number in enumerate(used):
            rest[rank + offset] -= number
        if min(rest) >= 0:
            for tail in splits(tuple(rest), runs, pairs_left):
                found.add(tuple(sorted((group, *tail))))
    return tuple(sorted(found))


def completing_split(hand: Hand, tile: Tile) -> Wait | None:
    """Show how the tile completes the hand, or None when it does not.

    Of several ways the one that comes first in sorted order is taken, group by group.
    """
    if hand[tile.suit][tile.rank - 1] >= COPIES:
        return None
    full = add(hand, tile)
    sizes = [sum(counts) % 3 for counts in full]
    if sorted(sizes) != [0, 0, 0, 2]:
        return None
    words: list[str] = []
    for index, (letter, counts) in enumerate(zip(SUITS, full, strict=True)):
        ways = list(splits(counts, letter != "z", int(sizes[index] == 2)))
        if index == tile.suit:
            ways = [lacking for way in ways for lacking in _open_groups(way, str(tile.rank))]
        if not ways:
            return None
        words += (letter + group for group in min(ways))
    return Wait(tile, tuple(words))


def _open_groups(way: tuple[str, ...], rank: str) -> list[tuple[str, ...]]:
    """List the ways to take one tile out of a split: ``567`` less 6 becomes ``57+6``."""
    return [
        tuple(sorted((*way[:index], f"{group.replace(rank, '', 1)}+{rank}", *way[index + 1 :])))
        for index, group in enumerate(way)
        if rank in group
    ]


def find_waits(hand: Hand) -> list[Wait]:
    """List how each completing tile completes a 13-tile hand, in tile order.

    Raises:
        ValueError: The hand does not hold 13 tiles.
    """
    if size(hand) != 13:
        raise ValueError(f"A waiting hand holds 13 tiles; {format_hand(hand)!r} has {size(hand)}.")
    found = (completing_split(hand, tile) for tile in TILES)
    return [wait for wait in found if wait is not None]


def canonical_key(hand: Hand) -> str:
    """Name a hand up to permutation of m, p and s, and renaming of honours."""
    suits = sorted("".join(map(str, counts)) for counts in hand[:3])
    honours = "".join(map(str, sorted(hand[3], reverse=True)))
    return "-".join((*suits, honours))


def bucket(key: str, buckets: int) -> int:
    """Assign a canonical key to one of `buckets` by hash, the same everywhere."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % buckets


def is_seven_pairs_wait(hand: Hand) -> bool:
    """Tell whether the hand holds six different pairs and a single tile."""
    return sorted(count for counts in hand for count in counts if count) == [1, 2, 2, 2, 2, 2, 2]


def draw_complete_hand(rng: random.Random, melds: int = 4, run_share: float = 0.7) -> list[str]:
    """Draw melds and then a pair as groups (``m345``), at most four copies of each tile.

    A meld is a run with probability `run_share`, else a triplet, each kind equally likely.
    """
    while True:
        groups = []
        for _ in range(melds):
            if rng.random() < run_share:
                rank = rng.randint(1, 7)
                groups.append(f"{rng.choice('mps')}{rank}{rank + 1}{rank + 2}")
            else:
                tile = rng.choice(TILES)
                groups.append(SUITS[tile.suit] + str(tile.rank) * 3)
        pair = rng.choice(TILES)
        groups.append(SUITS[pair.suit] + str(pair.rank) * 2)
        drawn = [group[0] + rank for group in groups for rank in group[1:]]
        if max(drawn.count(tile) for tile in drawn) <= COPIES:
            return groups


def draw_waiting_hand(rng: random.Random) -> Hand:
    """Draw a 13-tile hand that waits in standard form: a complete hand less a random tile."""
    while True:
        full = parse_hand(" ".join(draw_complete_hand(rng)))
        held = [tile for tile in TILES for _ in range(full[tile.suit][tile.rank - 1])]
        hand = add(full, rng.choice(held), -1)
        if not is_seven_pairs_wait(hand):
            return hand
