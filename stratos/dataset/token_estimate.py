"""How many tokens a text has, accurate enough to plan with, without a tokenizer library.

With a tokenizer.json the text is cut greedily into the longest pieces of its vocabulary, those that
were added to it, such as the marks of a chat template, included. Byte-pair
merges cut a little differently; a test holds the estimate to within a quarter of the real count.
Without one a token counts as four characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from stratos.catalog.files import Files

CHARACTERS_PER_TOKEN = 4.0

CountTokens = Callable[[str], float]


def by_characters(text: str) -> float:
    """Count without knowing the tokenizer."""
    return len(text) / CHARACTERS_PER_TOKEN


def by_vocabulary(tokenizer_json: bytes | str) -> CountTokens:
    """Return a counter for the vocabulary in a tokenizer.json.

    Raises:
        ValueError: when the file holds no vocabulary.
    """
    try:
        contents = json.loads(tokenizer_json)
        vocabulary = contents["model"]["vocab"]
        pieces = [piece if isinstance(piece, str) else piece[0] for piece in vocabulary]
        added = [token["content"] for token in contents.get("added_tokens") or ()]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError("tokenizer.json holds no vocabulary; save the tokenizer again") from error
    if not pieces:
        raise ValueError("tokenizer.json holds an empty vocabulary; save the tokenizer again")
    byte_level = "ByteLevel" in json.dumps(contents.get("pre_tokenizer"))

    def spelt(text: str) -> str:
        return _as_bytes(text) if byte_level else text.replace(" ", "▁")

    known = frozenset([*pieces, *map(spelt, added)])
    longest = min(max(map(len, known)), 32)

    def count(text: str) -> float:
        text = spelt(text)
        tokens = position = 0
        while position < len(text):
            size = longest
            while size > 1 and text[position : position + size] not in known:
                size -= 1
            position += size
            tokens += 1
        return float(tokens)

    return count


def counter_of(files: Files, folders: Iterable[str]) -> CountTokens:
    """Count by the vocabulary of the first model folder that has one; by characters if none has."""
    return named_counter(files, folders)[1]


def named_counter(files: Files, folders: Iterable[str]) -> tuple[str | None, CountTokens]:
    """The same counter, after the file that its vocabulary is from."""
    for folder in folders:
        name = f"{folder.rstrip('/')}/tokenizer.json"
        try:
            return name, by_vocabulary(files.read(name))
        except (FileNotFoundError, ValueError):
            continue
    return None, by_characters


def mean_tokens(texts: Iterable[str], count: CountTokens) -> float:
    """Mean over texts; 0 of none."""
    counts = [count(text) for text in texts]
    return sum(counts) / len(counts) if counts else 0.0


def longest_prompt(prompts: Sequence[str], count: CountTokens, characters: int) -> float | None:
    """Tokens of a prompt of so many characters, as dense as the densest of the prompts.

    Args:
        prompts: A sample; the longest prompt of all need not be among them.
        characters: Of the longest.
    """
    densities = [count(prompt) / len(prompt) for prompt in prompts if prompt]
    return characters * max(densities) if densities else None


def _as_bytes(text: str) -> str:
    """Text in the alphabet of byte-level vocabularies (GPT-2): a printable letter for each byte."""
    return "".join(map(_byte_alphabet().__getitem__, text.encode()))


@cache
def _byte_alphabet() -> tuple[str, ...]:
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return tuple(chr(b if b in printable else next(others)) for b in range(256))
