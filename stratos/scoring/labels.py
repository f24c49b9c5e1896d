"""Which label of a fixed list a text names."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from stratos.normal_text import normalise

# English, German, Dutch, French, Spanish, Portuguese, Italian, Swedish, Danish, Polish, Czech,
# Russian, Ukrainian, Turkish, Finnish, Greek, Arabic, Hebrew, Persian, Hindi, Bengali.
_NO = """
not no never none neither nor cannot without isnt doesnt dont wasnt arent cant wont hardly unlikely
nicht kein keine keinen keiner keines keinem nie niemals weder ohne niet geen nooit pas non jamais
ni aucun aucune sans nunca ningún ninguna ninguno sin não nao nem sem nenhum nenhuma mai nessun
nessuna senza né inte ikke ej aldrig nigdy bez není ne не нет ни без никогда ні немає değil hayır
yok ei eivät δεν μη όχι ليس ليست لا لم لن غير لیس نیست نه לא אין नहीं नही मत ना না নয়
"""
_NEGATIONS = frozenset(map(normalise, _NO.split()))
_NEGATIVE_PARTS = ("不", "没", "沒", "非", "未", "無", "无", "ない", "ません", "아니", "않", "없")
_CLAUSE = re.compile(r"[,.;!](?=\s|$)|\n")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul: words touch each other or their particles."""


def chosen(text: str, choices: tuple[str, ...]) -> str | None:
    """Return the one label that a text names: the text itself, or the only one said in it.

    A text that says what is not so names none: "This is not spam."
    """
    wanted = _keys(choices)
    said = normalise(text)
    if said in wanted:
        return wanted[said]
    rest = f" {said} "
    found: set[str] = set()
    for key in sorted(wanted, key=len, reverse=True):  # "not spam" before the "spam" in it
        inside = key if _UNSPACED.search(key) else f" {key} "
        if inside.strip() and inside in rest:
            found.add(wanted[key])
            rest = rest.replace(inside, " \0 ")
    if len(found) != 1:
        return None
    return found.pop() if _leads(text, wanted, rest) or not _denies(rest) else None


@lru_cache(maxsize=64)
def _keys(choices: tuple[str, ...]) -> dict[str, str]:
    return {normalise(choice): choice for choice in choices}


def _leads(text: str, wanted: dict[str, str], rest: str) -> bool:
    """Whether a text begins with its label and goes on: `No, it does not`, but not `Spam, no`."""
    first = _CLAUSE.split(text.strip(), maxsplit=1)[0]
    return normalise(first) in wanted and not set(rest.split()) <= _NEGATIONS | {"\0"}


def _denies(said: str) -> bool:
    words = said.split()
    if any(word in _NEGATIONS for word in words):
        return True
    shortened = any(
        word == "t" and before.endswith("n") for before, word in itertools.pairwise(words)
    )
    return shortened or any(part in said for part in _NEGATIVE_PARTS)
