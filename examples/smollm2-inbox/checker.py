"""Check a reason: one short sentence about what this customer wants, in words of the message.

A small teacher rambles and invents. A reason is refused if it is long, does not begin as asked,
has a number that the message lacks, or shares no word of content with it. Standard library only.
"""

import re

_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"\d+")
_MOST_WORDS = 24
_STEM = 4
_COMMON = """
about also best customer dear from good have hello help like more much please regards team than
thank thanks that their them there they thing this want wants what when where which will with would
your
"""


def check(question: str, answer: str, rationale: str) -> list[str]:
    """Return what is wrong with a reason, or with the reasons of several teams, one a line.

    Args:
        question: The customer's message.
        answer: The team or teams that must act.
        rationale: What was written before the answer.
    """
    lines = [line.strip() for line in rationale.strip().splitlines() if line.strip()]
    teams = answer.split()
    if len(lines) != len(teams):
        return [f"there are {len(lines)} lines for {len(teams)} teams"]
    return [problem for line in lines if (problem := _problem(line, question))]


def _problem(line: str, question: str) -> str | None:
    if not line.startswith("The customer "):
        return "a reason does not begin with The customer"
    if not line.endswith(".") or len(line.split()) > _MOST_WORDS:
        return f"a reason is not one sentence of at most {_MOST_WORDS} words"
    if set(_NUMBER.findall(line)) - set(_NUMBER.findall(question)):
        return "a reason has a number that the message lacks"
    if not _stems(line) & _stems(question):
        return "a reason shares no word with the message"
    return None


def _stems(text: str) -> set[str]:
    """The beginnings of the words that carry content."""
    words = _WORD.findall(text.lower())
    common = _COMMON.split()
    return {word[:_STEM] for word in words if len(word) >= _STEM and word not in common}
