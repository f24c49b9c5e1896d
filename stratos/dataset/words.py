"""The form in which texts are compared, and their words."""

from __future__ import annotations

import unicodedata

from stratos.normal_text import bounded_marks

_FOLDED_ASCII = bytes(
    ord(" ") if chr(byte).isspace() else ord(chr(byte).lower()) for byte in range(128)
) + bytes(128)


def normalised(text: str) -> str:
    """Text in the form in which duplicates are compared: NFKC, case folded, single spaces.

    Punctuation stays, since `3+4` and `34` are different questions.
    """
    if not text:
        return text
    if not text.isascii():
        return " ".join(words_of(text))
    # The same in one pass over the bytes: most of inspection's time was spent here.
    folded = text.encode("ascii").translate(_FOLDED_ASCII)
    single = b" ".join(folded.split()) if b"  " in folded else folded.strip()
    return single.decode("ascii")


def words_of(text: str) -> list[str]:
    """The words of the normalised text."""
    if text.isascii():
        return text.lower().split()
    return unicodedata.normalize("NFKC", bounded_marks(text)).casefold().split()
