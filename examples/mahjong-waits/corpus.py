"""The generalist corpus: word problems, Mahjong rules, and explanations of given answers.

Every document is one exchange, drawn without end from a seed. The corpus never asks which tiles
complete a hand without giving the tile, and never shows a hand that the dataset may hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import hands
from hands import Hand, Tile
from word_problems import draw_drill, draw_word_problem

DATASET_BUCKETS = 4
DATASET_BUCKET = 0
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SUIT_NAMES = {"m": "characters", "p": "circles", "s": "bamboo"}
_HONOURS = (
    *("east wind", "south wind", "west wind", "north wind"),
    *("white dragon", "green dragon", "red dragon"),
)
_KINDS = {"run": "a run", "triplet": "a triplet", "pair": "a pair", "": "nothing"}


class Exchange(NamedTuple):
    """What the user asks and what the assistant replies."""

    prompt: str
    reply: str


def question(hand: Hand) -> str:
    """Ask which tiles complete the hand: the prompt of a dataset row."""
    return f"Hand: {hands.format_hand(hand)}\nWhich tiles complete it?"


def reverse_prompt(asked: str, answer: str) -> str:
    """Ask for the explanation of a given tile, as the spec's reverse template does."""
    return f"{asked}\nAnswer: {answer}\nExplain."


def is_dataset_hand(hand: Hand) -> bool:
    """Tell whether the hand is reserved for the dataset, by the hash of its canonical key."""
    return hands.bucket(hands.canonical_key(hand), DATASET_BUCKETS) == DATASET_BUCKET


def _tile(rng: random.Random) -> Tile:
    return rng.choice(hands.TILES)


def _group(rng: random.Random) -> tuple[str, str]:
    """Draw a group or something like one, and its kind: run, triplet, pair or nothing."""
    kind = rng.choice(("run", "triplet", "pair", "", ""))
    suit, rank = rng.choice("mps"), rng.randint(1, 7)
    if kind == "run":
        return f"{suit}{rank}{rank + 1}{rank + 2}", kind
    if kind:
        tile = _tile(rng)
        return hands.SUITS[tile.suit] + str(tile.rank) * (3 if kind == "triplet" else 2), kind
    suit = rng.choice("mpsz")
    ranks = sorted(rng.randint(1, hands.RANKS[suit]) for _ in range(rng.choice((2, 3, 3))))
    gaps = [high - low for low, high in pairwise(ranks)]
    if gaps in ([0], [0, 0]) or (gaps == [1, 1] and suit != "z"):
        ranks[-1] = ranks[-1] + 1 if ranks[-1] < hands.RANKS[suit] else ranks[-1]
        ranks[0] = ranks[0] if ranks[-1] < hands.RANKS[suit] else max(1, ranks[0] - 2)
        gaps = [high - low for low, high in pairwise(ranks)]
    kind = {(0,): "pair", (0, 0): "triplet"}.get(tuple(gaps), "")
    if gaps == [1, 1] and suit != "z":
        kind = "run"
    return suit + "".join(map(str, ranks)), kind


def _some_hand(rng: random.Random) -> Hand:
    held: dict[Tile, int] = {}
    pool = rng.sample(hands.TILES, 6)
    for _ in range(rng.choice((3, 5, 7, 9, 11))):
        tile = rng.choice(pool)
        if held.get(tile, 0) < hands.COPIES:
            held[tile] = held.get(tile, 0) + 1
    words = " ".join(str(tile) for tile, count in held.items() for _ in range(count))
    return hands.parse_hand(words)


def _ask_kind(rng: random.Random) -> Exchange:
    group, kind = _group(rng)
    return Exchange(f"What is {group}?", f"{group} is {_KINDS[kind]}.")


def _ask_meld(rng: random.Random) -> Exchange:
    group, kind = _group(rng)
    verdict = "yes" if kind in ("run", "triplet") else "no"
    return Exchange(f"Is {group} a meld?", f"{group} is {_KINDS[kind]}: {verdict}.")


def _tile_name(tile: Tile) -> str:
    suit = hands.SUITS[tile.suit]
    if suit == "z":
        return _HONOURS[tile.rank - 1]
    return f"{_NUMBERS[tile.rank - 1]} of {_SUIT_NAMES[suit]}"


def _ask_name(rng: random.Random) -> Exchange:
    tile = _tile(rng)
    if rng.random() < 0.5:
        return Exchange(f"Name the tile {tile}.", f"{_tile_name(tile)}")
    return Exchange(f"Write {_tile_name(tile)} as a tile.", f"{tile}")


def _ask_copies(rng: random.Random) -> Exchange:
    hand = _some_hand(rng)
    held = [tile for tile in hands.TILES if hand[tile.suit][tile.rank - 1]]
    tile = rng.choice(held)
    count = hand[tile.suit][tile.rank - 1]
    if rng.random() < 0.5:
        return Exchange(f"Hand: {hands.format_hand(hand)}\nHow many {tile}?", f"#### {count}")
    left = f"{hands.COPIES}-{count}={hands.COPIES - count}"
    return Exchange(
        f"Hand: {hands.format_hand(hand)}\nHow many {tile} are left outside?",
        f"{left}\n#### {hands.COPIES - count}",
    )


def _ask_count(rng: random.Random) -> Exchange:
    hand = _some_hand(rng)
    sizes = [(suit, sum(counts)) for suit, counts in zip(hands.SUITS, hand, strict=True)]
    words = " ".join(f"{suit}:{number}" for suit, number in sizes if number)
    return Exchange(
        f"Hand: {hands.format_hand(hand)}\nHow many tiles?", f"{words}\n#### {hands.size(hand)}"
    )


def _ask_sort(rng: random.Random) -> Exchange:
    hand = _some_hand(rng)
    words = [str(tile) for tile in hands.TILES for _ in range(hand[tile.suit][tile.rank - 1])]
    rng.shuffle(words)
    return Exchange(f"Sort {' '.join(words)}.", hands.format_hand(hand))


def _ask_groups(rng: random.Random) -> Exchange:
    """Ask to split a small complete hand into melds and a pair.

    At most 11 tiles, so that no dataset hand plus a tile is ever shown.
    """
    while True:
        melds = rng.choice((1, 2, 2, 3, 3))
        groups = hands.draw_complete_hand(rng, melds)
        if rng.random() < 0.3:
            suit = rng.choice("mps")
            groups = [suit + group[1:] for group in groups if group[0] != "z"]
        try:
            hand = hands.parse_hand(" ".join(groups))
        except ValueError:
            continue
        if hands.size(hand) % 3 == 2:
            break
    parts: list[str] = []
    for suit, counts in zip(hands.SUITS, hand, strict=True):
        pairs = 1 if sum(counts) % 3 == 2 else 0
        parts += (suit + group for group in hands.splits(counts, suit != "z", pairs)[0])
    return Exchange(f"Hand: {hands.format_hand(hand)}\nSplit it.", " ".join(parts))


def _ask_fit(rng: random.Random) -> Exchange:
    """Ask whether a given tile makes a meld of two tiles."""
    suit = rng.choice("mps")
    low = rng.randint(1, 8)
    high = min(9, low + rng.choice((0, 1, 1, 2, 2)))
    tile = min(9, max(1, rng.choice((low - 1, low + 1, high + 1, low, rng.randint(1, 9)))))
    ranks = sorted((low, high, tile))
    gaps = (ranks[1] - ranks[0], ranks[2] - ranks[1])
    kind = {(1, 1): "run", (0, 0): "triplet"}.get(gaps, "")
    made = suit + "".join(map(str, ranks))
    return Exchange(
        f"Does {suit}{tile} make a meld of {suit}{low}{high}?",
        f"{made} is {_KINDS[kind]}: {'yes' if kind else 'no'}.",
    )


RULES: tuple[Callable[[random.Random], Exchange], ...] = (
    _ask_kind,
    _ask_meld,
    _ask_name,
    _ask_copies,
    _ask_count,
    _ask_sort,
    _ask_groups,
    _ask_fit,
)


def draw_word_exchange(rng: random.Random) -> Exchange:
    """Draw a word problem."""
    problem = draw_word_problem(rng)
    return Exchange(problem.question, problem.solution)


def draw_drill_exchange(rng: random.Random) -> Exchange:
    """Draw a bare calculation."""
    drill = draw_drill(rng)
    return Exchange(drill.question, drill.solution)


def draw_rule(rng: random.Random) -> Exchange:
    """Draw a question on the rules; splitting hands comes up most, being the hardest."""
    ask = _ask_groups if rng.random() < 0.4 else rng.choice(RULES)
    return ask(rng)


def draw_explanation(rng: random.Random) -> Exchange:
    """Draw a hand that the dataset cannot hold and explain one of its completing tiles.

    Hands with more waits come up more often than they would by chance.
    """
    while True:
        hand = hands.draw_waiting_hand(rng)
        waits = hands.find_waits(hand)
        if len(waits) <= 2 and rng.random() < 0.5:
            continue
        if not is_dataset_hand(hand):
            break
    wait = rng.choice(waits)
    return Exchange(reverse_prompt(question(hand), str(wait.tile)), str(wait))


SHARES = {
    draw_word_exchange: 0.3,
    draw_drill_exchange: 0.2,
    draw_rule: 0.2,
    draw_explanation: 0.3,
}


def draw_exchanges(seed: int) -> Iterator[Exchange]:
    """Draw the corpus without end: word problems, drills, rules and explanations, mixed."""
    rng = random.Random(seed)
    kinds, shares = tuple(SHARES), tuple(SHARES.values())
    while True:
        yield rng.choices(kinds, shares)[0](rng)
