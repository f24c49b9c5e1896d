"""Regular expressions that are matched in linear time, whatever the text.

The engine is Rust's `regex`, as pydantic-core has it for its own fields. It knows no lookaround and
no back-references, which is why it never backtracks. Where Python would read a pattern otherwise,
the pattern is refused: one that is accepted means the same in both.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

_CLASS = r"\[\^?\]?(?P<members>(?:\\.|[^\]\\])*+)(?P<closed>\]|\\?\Z)"
"""A character class. One that nobody closes goes to the end, so that it is read once and not from
each of its places: reading a pattern takes time that grows with its length alone, too."""
_TOKEN = re.compile(
    rf"\\(?P<escape>[pPxuU]\{{[^}}]*(?:\}}|\Z)|.)|{_CLASS}"
    r"|(?P<look>\(\?<?[=!])|(?P<atomic>\(\?>)|(?P<condition>\(\?\()|(?P<reference>\(\?P=)"
    r"|(?P<comment>\(\?#)|(?P<possessive>[*+?}]\+)",
    re.DOTALL,
)
_NAMES = {
    "look": "lookahead or lookbehind",
    "atomic": "an atomic group",
    "condition": "a condition on a group",
    "reference": "a back-reference",
    "comment": "a comment in a group",
    "possessive": "a possessive quantifier",
}
_SET_OPERATIONS = ("[", "&&", "--", "~~")
_ADVICE = {
    "quantifier": r"write `\{` for a brace, and `{0,n}` for `{,n}`",
    "exceeds size": "ask for fewer repetitions, or for `[a-z]` and `[0-9]` instead of `\\w` and "
    "`\\d`, which stand for the letters and digits of every script",
}


MOST_STEPS = 10_000
"""Matching takes as many steps as text and pattern are long, multiplied: with four times as many,
a reply of 32,000 characters takes ten seconds."""
_PART = re.compile(
    r"(?P<group>\((?:\?(?:P?<\w+>|[a-zA-Z-]*[:)]))?)"
    rf"|\\[pPxuU]\{{[^}}]*(?:\}}|\Z)|\\.|{_CLASS}"
    r"|\{(?P<least>\d{1,9})(?:,(?P<most>\d{0,9}))?\}|.",
    re.DOTALL,
)
_VERBOSE = re.compile(r"\(\?(?=[a-wyzA-Z-]*x)[a-zA-Z-]*[:)]")
_WHOLLY_VERBOSE = re.compile(r"\(\?(?=[a-wyzA-Z]*x)[a-zA-Z]*\)")
_COMMENT = re.compile(rf"(\\.|{_CLASS})|#[^\n]*|\s+", re.DOTALL)
"""Comments and space of a verbose pattern; what is kept is the group."""
_SHOWN = 200
"""Characters of a pattern in a message."""


class PatternRefused(Exception):
    """A pattern that cannot be matched in linear time. Specs from before may hold one."""


def pattern_fault(pattern: str) -> str | None:
    """Return why a pattern cannot be matched in linear time, and what to do; None if it can."""
    if (bare := _bare(pattern)) is None:
        return "is verbose in part; put `(?x)` at its start and nowhere else, or write it without"
    if (named := _unsupported(bare)) is not None:
        return f"holds {named}"
    if _written_out(bare) > MOST_STEPS:
        return (
            f"stands for more than {MOST_STEPS:,} characters once its repetitions are written out, "
            "and each character of a reply could be compared with all of them; ask for fewer "
            "repetitions within repetitions"
        )
    try:
        _compiled(pattern)
        _compiled(_whole(pattern))
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip().removeprefix("error: ")
        reason = reason.removeprefix("SchemaError: ")
        advice = next((text for part, text in _ADVICE.items() if part in reason), _REWRITE)
        return f"is no regular expression that can be matched in linear time: {reason}; {advice}"
    return None


def shown_pattern(pattern: str) -> str:
    """A pattern for a message, quoted and cut to a length that can be read."""
    return repr(pattern if len(pattern) <= _SHOWN else pattern[:_SHOWN] + "…")


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches a text in full.

    Raises:
        PatternRefused: when `pattern_fault` finds fault with the pattern.
    """
    return _run(pattern, text, whole=True)


def occurs(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches anywhere in a text.

    Raises:
        PatternRefused: when `pattern_fault` finds fault with the pattern.
    """
    return _run(pattern, text, whole=False)


_REWRITE = "write the pattern without it"
_SLOW = "which cannot be matched in linear time; write the pattern without it"


def _run(pattern: str, text: str, *, whole: bool) -> bool:
    if (fault := _known_fault(pattern)) is not None:
        raise PatternRefused(f"the pattern {shown_pattern(pattern)} {fault}")
    return bool(_compiled(_whole(pattern) if whole else pattern).isinstance_python(text))


@lru_cache(maxsize=256)
def _known_fault(pattern: str) -> str | None:
    return pattern_fault(pattern)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _whole(pattern: str) -> str:
    # A verbose pattern may end in a comment, which would swallow the bracket.
    return rf"\A(?:{pattern}{chr(10) if '(?x' in pattern else ''})\z"


def _bare(pattern: str) -> str | None:
    """What counts of a pattern: one that is verbose without comments and space; None for one that
    is verbose in part, in which what counts cannot be told by looking at it once."""
    changes = len(_VERBOSE.findall(pattern))
    if changes == 0:
        return pattern
    if changes == 1 and _WHOLLY_VERBOSE.match(pattern):
        return _COMMENT.sub(r"\1", pattern)
    return None


def _written_out(pattern: str) -> int:
    """Characters and classes of a pattern once its counted repetitions are written out."""
    sums, last = [0], 0
    for part in _PART.finditer(pattern):
        if part["least"] is not None:
            times = max(1, int(part["most"] or part["least"]))
            sums[-1] += last * (times - 1)
            last *= times
        elif part["group"]:
            if not part[0].endswith(")"):  # as flags alone do
                sums.append(0)
        elif part[0] == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        elif part[0] not in "*+?|)":
            last = 1
            sums[-1] += 1
    return sum(sums)


def _unsupported(pattern: str) -> str | None:
    for token in _TOKEN.finditer(pattern):
        if (escape := token["escape"]) is not None:
            if len(escape) > 1 and not escape.endswith("}"):
                return f"`\\{escape[0]}{{` that nothing closes; close it"
            if escape in "123456789":
                return f"{_NAMES['reference']}, {_SLOW}"
            if escape == "Z":
                return r"`\Z`, which this engine writes `\z`; a reply is matched whole without it"
        elif (members := token["members"]) is not None:
            if token["closed"] != "]":
                return r"a `[` that nothing closes; write `\[` for a bracket"
            bare = re.sub(r"\\.", "", members, flags=re.DOTALL)
            if found := next((mark for mark in _SET_OPERATIONS if mark in bare), None):
                return (
                    f"`{found}` in a character class, which means two things; write `\\{found[0]}`"
                )
        else:
            named = next(_NAMES[name] for name in _NAMES if token[name] is not None)
            return f"{named}, {_SLOW}"
    return None
