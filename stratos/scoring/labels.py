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
_BECAUSE = "because since as due given weil da denn porque car parce puisque потому क्योंकि"
_REASONS = frozenset(map(normalise, _BECAUSE.split()))
_CLAUSE_ENDS = re.compile(r"[,.;:!?](?=\s|$)|[。，、；：！？\n]")
_WORDS_AFTER = 3
"""A label is denied by what stands behind it only this near: "spam it is not"."""
_CHARACTERS_AFTER = 8
_HELD = "\0"
"""Stands for a label that was found."""
_OPTION = re.compile(r"(?<!\w)([^\W\d_])[.):](?=[\s*_]|$)")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han and Hangul: words touch each other or their particles."""


def chosen(text: str, choices: tuple[str, ...]) -> str | None:
    """Return the one label that a text names: the text itself, or the only one said in it.

    A label that is denied is not named: "This is not spam." A label of one letter is said in its
    own case, since "a" is an article, and begins an option: "B. A city".
    """
    wanted = _keys(choices)
    if (said := normalise(text)) in wanted:
        return wanted[said]
    if (option := _option(text)) in choices:
        return option
    clauses = [f" {normalise(clause)} " for clause in _CLAUSE_ENDS.split(text)]
    found: set[str] = set()
    for key in sorted(wanted, key=len, reverse=True):  # "not spam" before the "spam" in it
        inside = key if _UNSPACED.search(key) else f" {key} "
        if not inside.strip() or (len(key) == 1 and not _stands_alone(wanted[key], text)):
            continue
        if any(inside in clause for clause in clauses):
            found.add(key)
            clauses = [clause.replace(inside, f" {_HELD} ") for clause in clauses]
    if len(found) != 1:
        return None
    key = found.pop()
    return wanted[key] if key in _NEGATIONS or not _is_denied(clauses) else None


@lru_cache(maxsize=64)
def _keys(choices: tuple[str, ...]) -> dict[str, str]:
    return {normalise(choice): choice for choice in choices}


def _option(text: str) -> str | None:
    """The letter of the one option that a text begins with: `B) Paris`, `**B.** A city`."""
    letters = [found[1] for found in _OPTION.finditer(text)]
    begins = text.lstrip("*_`( \n").startswith(tuple(letters)) if letters else False
    return letters[0] if begins and len(letters) == 1 else None


def _stands_alone(letter: str, text: str) -> bool:
    """Whether a word of a text is this letter, in its case."""
    return not letter.isalpha() or any(
        word.strip(_AROUND_A_LETTER) == letter for word in text.split()
    )


_AROUND_A_LETTER = ".,;:!?()[]{}*_`'\"“”‘’。，"


def _is_denied(clauses: list[str]) -> bool:
    """Whether a clause denies its label, before or just behind it, or the next one begins so."""
    for number, clause in enumerate(clauses):
        before, held, after = clause.partition(_HELD)
        if not held:
            continue
        following = clauses[number + 1].split() if number + 1 < len(clauses) else []
        behind = _first_words(after) or "".join(following[:1])
        if _denies(before) or _denies(behind):
            return True
        if any(part in before or part in after[:_CHARACTERS_AFTER] for part in _NEGATIVE_PARTS):
            return True
    return False


def _first_words(text: str) -> str:
    """The words just behind a label, up to a reason for it."""
    words = text.split(maxsplit=_WORDS_AFTER)[:_WORDS_AFTER]
    return " ".join(itertools.takewhile(lambda word: word not in _REASONS, words))


def _denies(said: str) -> bool:
    words = said.split()
    return any(word in _NEGATIONS for word in words) or any(
        word == "t" and before.endswith("n") for before, word in itertools.pairwise(words)
    )
