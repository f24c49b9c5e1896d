"""Check a rationale of the Mahjong example: each line shows one tile completing the hand.

A line lists groups by suit and rank, ``m234 m678 p11+1 s345 s44``. The group with ``+`` lacks
the tile written behind it. With that tile the groups must be four melds and one pair, and
without it exactly the 13 tiles of the hand. The lines' tiles, in order, must be the answer. A
last line ``#### p1 s4`` may repeat the answer. Standard library only; never raises.
"""

import re
from itertools import pairwise

_GROUP = re.compile(r"([mps])([1-9]{2,3})|(z)([1-7]{2,3})")
_OPEN_GROUP = re.compile(r"([mps])([1-9]{1,2})\+([1-9])|(z)([1-7]{1,2})\+([1-7])")
_TILE = re.compile(r"[mps][1-9]|z[1-7]")
_MAX_LINES = 40


def check(question: str, answer: str, rationale: str) -> list[str]:
    """Return what is wrong with the rationale; an empty list means it is sound.

    Args:
        question: The prompt, whose line ``Hand: …`` holds the 13 tiles.
        answer: The completing tiles to be shown, ``s6`` or ``s6 s9``.
        rationale: One line per tile, in the order of the answer.
    """
    hand = _read_hand(question)
    if hand is None:
        return ["The question holds no line 'Hand:' with 13 tiles, at most 4 of a kind."]
    tiles = answer.split()
    if not tiles or not all(_TILE.fullmatch(tile) for tile in tiles):
        return [f"The answer {answer[:40]!r} is not a list of tiles such as 's6 s9'."]
    lines = [line.strip() for line in rationale.strip().splitlines()]
    if len(lines) > _MAX_LINES:
        return [f"The rationale has {len(lines)} lines; at most {_MAX_LINES} can be right."]
    problems = []
    if lines and lines[-1].startswith("####"):
        stated = lines.pop()[4:].split()
        if stated != tiles:
            problems.append(f"The last line states {' '.join(stated)[:40]!r}, not {answer!r}.")
    shown = []
    for number, line in enumerate(lines, 1):
        tile, problem = _check_line(hand, line)
        shown.append(tile)
        if problem:
            problems.append(f"Line {number} {line[:60]!r}: {problem}")
    if not problems and shown != tiles:
        problems.append(f"The lines show {' '.join(shown)!r}; the answer is {answer!r}.")
    return problems


def _read_hand(question: str) -> list[str] | None:
    """Return the sorted tiles of the hand, or None when there is no such hand."""
    found = re.search(r"^Hand:((?: [mpsz][1-9]+)+)\s*$", question, re.MULTILINE)
    if found is None:
        return None
    tiles = sorted(word[0] + rank for word in found[1].split() for rank in word[1:])
    legal = all(_TILE.fullmatch(tile) and tiles.count(tile) <= 4 for tile in tiles)
    return tiles if legal and len(tiles) == 13 else None


def _check_line(hand: list[str], line: str) -> tuple[str, str]:
    """Return the tile that a line shows to complete the hand, and what is wrong with the line."""
    tile, kinds = "", []
    held: list[str] = []
    for word in line.split():
        if full := _GROUP.fullmatch(word):
            suit, ranks = full[1] or full[3], full[2] or full[4]
            held += (suit + rank for rank in ranks)
        elif lacking := _OPEN_GROUP.fullmatch(word):
            if tile:
                return tile, "two groups lack a tile; exactly one may."
            suit, present = lacking[1] or lacking[4], lacking[2] or lacking[5]
            added = lacking[3] or lacking[6]
            tile, ranks = suit + added, "".join(sorted(present + added))
            held += (suit + rank for rank in present)
        else:
            return tile, f"{word[:20]!r} is not a group such as m345, z77 or s57+6."
        kind = _kind(suit, ranks)
        if not kind:
            return tile, f"{word!r} is neither a run, a triplet nor a pair."
        kinds.append(kind)
    if not tile:
        return "", "no group lacks a tile, as s57+6 does."
    if sorted(held) != hand:
        return tile, "its groups without the completing tile are not the tiles of the hand."
    if hand.count(tile) == 4:
        return tile, f"the hand already holds all four {tile}."
    if kinds.count("pair") != 1 or len(kinds) != 5:
        return tile, "its groups are not four melds and one pair."
    return tile, ""


def _kind(suit: str, ranks: str) -> str:
    """Name a group of tiles of one suit: run, triplet, pair, or an empty text."""
    if len(set(ranks)) == 1:
        return {2: "pair", 3: "triplet"}.get(len(ranks), "")
    steps = [int(high) - int(low) for low, high in pairwise(ranks)]
    return "run" if suit != "z" and steps == [1, 1] else ""
