"""Comparing distributions across tokenizers: where two tokenizations meet, and what both can say.

Between two tokens that end at the same byte both models have read the same text, so their next
tokens can be compared. Their vocabularies cut the text that follows differently, so they are
grouped into outcomes: two models that agree on the text give an outcome the same probability. For
one tokenizer every token is an outcome of its own, and the comparison is the ordinary one.

TRL's GOLD compares the tokens that both vocabularies hold, and the others by sorted probability.
Grouping those by prefix instead keeps the meaning of every token, and is our choice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

TokenText = bytes | str
"""What a token writes; a special token, which writes nothing, by its name; unused ids are ''."""

END = "end of turn"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Chunk:
    """A stretch of text at whose beginning and end both tokenizations end a token.

    Attributes:
        ours: First of our tokens in it, and the one after its last.
        theirs: The same of the other tokenization.
    """

    ours: tuple[int, int]
    theirs: tuple[int, int]


def align(ours: Sequence[int], theirs: Sequence[int]) -> list[Chunk]:
    """Cut two tokenizations of one text into the smallest chunks that both respect.

    Args:
        ours: Byte at which each token ends, ascending.
        theirs: The same of the other tokenization; it must end at the same byte.
    """
    first_ours = {end: index for index, end in reversed(list(enumerate(ours, 1)))}
    first_theirs = {end: index for index, end in reversed(list(enumerate(theirs, 1)))}
    shared = sorted((first_ours.keys() & first_theirs.keys()) - {0})
    chunks: list[Chunk] = []
    before = (0, 0)
    for end in shared:
        after = (first_ours[end], first_theirs[end])
        chunks.append(Chunk((before[0], after[0]), (before[1], after[1])))
        before = after
    return chunks


def shared_outcomes(
    ours: Sequence[TokenText], theirs: Sequence[TokenText]
) -> tuple[list[int], list[int], int]:
    """Group two vocabularies into outcomes; 0 is whatever has no counterpart at all.

    A token of both is an outcome. One that the other vocabulary lacks would be written there as a
    shorter token first, so it belongs to the outcome of its longest prefix there.

    Returns:
        The outcome of each of our tokens, of each of theirs, and the number of outcomes.
    """
    mine, other = frozenset(ours), frozenset(theirs)
    common = (mine & other) - {""}
    numbers: dict[TokenText, int] = {}

    def outcome(token: TokenText, there: frozenset[TokenText], here: frozenset[TokenText]) -> int:
        root: TokenText | None = token
        while root is not None and root not in common:
            root = _longest_prefix(root, there)
            there, here = here, there
        return 0 if root is None else numbers.setdefault(root, len(numbers) + 1)

    mapped = [outcome(token, other, mine) for token in ours]
    return mapped, [outcome(token, mine, other) for token in theirs], len(numbers) + 1


def token_texts(tokenizer: PreTrainedTokenizerBase, end: int) -> list[TokenText]:
    """Return what each token id writes.

    Args:
        end: The id that ends a completion; it is the same outcome in every tokenizer.
    """
    vocabulary = tokenizer.get_vocab()
    texts: list[TokenText] = [""] * (max(vocabulary.values()) + 1)
    special = set(tokenizer.all_special_ids) | {
        index for index, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    added = set(tokenizer.added_tokens_decoder)
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    # The names of the decoders say how a vocabulary spells its bytes.
    decoder = json.dumps(state["decoder"])
    spelled = {letter: byte for byte, letter in bytes_to_unicode().items()}
    for token, index in vocabulary.items():
        if index in special:
            texts[index] = token
        elif index in added:
            texts[index] = token.encode()
        elif '"ByteLevel"' in decoder:
            texts[index] = bytes(spelled[letter] for letter in token)
        elif found := _BYTE.fullmatch(token):
            texts[index] = bytes.fromhex(found[1])
        else:
            texts[index] = token.replace("▁", " ").encode() if "▁" in decoder else token.encode()
    texts[end] = END
    return texts


def ends(tokens: Sequence[int], texts: Sequence[TokenText]) -> tuple[bytes, list[int]]:
    """Return the text that tokens write, and the byte at which each ends."""
    written = b""
    positions: list[int] = []
    for token in tokens:
        piece = texts[token] if token < len(texts) else ""
        written += piece if isinstance(piece, bytes) else b""
        positions.append(len(written))
    return written, positions


def _longest_prefix(token: TokenText, vocabulary: frozenset[TokenText]) -> TokenText | None:
    if isinstance(token, str):
        return None
    shorter = (token[:length] for length in range(len(token) - 1, 0, -1))
    return next((prefix for prefix in shorter if prefix in vocabulary), None)
