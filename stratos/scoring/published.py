"""The published table of answers: what is read in a reply, and whether it is right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from stratos.frozen import FrozenModel
from stratos.spec import Verifier


class JudgedReply(FrozenModel):
    """A reply, its gold answer, and whether it is right."""

    gold: str | None = None
    reply: str
    right: bool


class JudgedReplies(FrozenModel):
    """Replies under one verifier."""

    title: str
    verifier: Verifier
    says: str
    """The rule, in words."""
    cases: tuple[JudgedReply, ...]


class LoggedReply(FrozenModel):
    """A reply of a dataset, and the gold answer that is read in it."""

    reply: str
    gold: str


class PublishedLogs(FrozenModel):
    """Replies of a dataset under one verifier."""

    title: str
    verifier: Verifier
    cases: tuple[LoggedReply, ...]


class PublishedAnswers(FrozenModel):
    """`docs/answers.json`. The marker is `####` throughout."""

    replies: tuple[JudgedReplies, ...] = Field(min_length=1)
    logged: tuple[PublishedLogs, ...] = Field(min_length=1)


def published_answers(path: Path) -> PublishedAnswers:
    """Read the table."""
    return PublishedAnswers.model_validate_json(path.read_bytes())


def answers_page(table: PublishedAnswers) -> str:
    """`docs/answers.md`."""
    parts = [_INTRODUCTION]
    for group in table.replies:
        rows = [
            (_code(case.reply), "" if case.gold is None else _code(case.gold), _verdict(case.right))
            for case in group.cases
        ]
        heading = f"## {group.title}\n\n`{_spelled(group.verifier)}`"
        says = f"{heading}. {group.says}".rstrip()
        parts.append(f"{says}\n\n{_table(('Reply', 'Gold answer', 'Verdict'), rows)}")
    parts.append(_LOGGED)
    for logged in table.logged:
        pairs = [(_code(case.reply), _code(case.gold)) for case in logged.cases]
        heading = f"### {logged.title}\n\n`{_spelled(logged.verifier)}`"
        parts.append(f"{heading}\n\n{_table(('Logged reply', 'Gold answer'), pairs)}")
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
# How answers are read

Each verifier, with replies that it takes for right and for wrong. A line break is shown as ↵, and
the marker of the final answer is `####`. What is worth nothing whatever it says, such as a reply
that was cut, is in [objectives](objectives.md#what-a-reply-is-worth). Whatever a model writes, no
verifier fails on it: what it cannot read is wrong.

This page is generated from `answers.json` by `python -m stratos.docs`, and a test holds the code to
each line of it."""
_LOGGED = """\
## Gold answers in logged replies

The gold answer of a row is what follows the marker in its reply, if nothing follows that; `####`
alone on its line marks all lines below it. `####` with text behind it and below is Markdown's
heading and marks nothing, unless the line can be nothing but an answer: a number alone, or a label.
Then the whole reply is the gold answer. A marker without `#` has no such double, and marks all that
follows. A gold answer that its own verifier rejects is a bad line."""


def _spelled(verifier: Verifier) -> str:
    return verifier.model_dump_json(exclude_defaults=True, exclude_none=True)


def _verdict(right: bool) -> str:
    return "right" if right else "wrong"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(text: str) -> str:
    """A code span, on one line, in a cell of a table."""
    if not text:
        return "(empty)"
    shown = text.replace("\n", "↵").replace("|", "\\|").replace("\u202f", "⍽")
    fence = "`" * (1 + max((len(run) for run in _runs(shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _runs(text: str) -> list[str]:
    """Rows of backticks in a text."""
    return "".join(char if char == "`" else " " for char in text).split()
