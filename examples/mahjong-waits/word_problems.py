"""Arithmetic word problems with a short worked answer, written from templates.

A problem has one or two steps; all numbers stay between 0 and 99. The worked answer states each
step as a sentence holding one equation and ends in ``#### N``.
"""

from __future__ import annotations

import operator
import random
from typing import NamedTuple

_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}
_ADDENDS, _FACTORS = range(2, 50), range(2, 10)
_MAX_VALUE = 99


class Template(NamedTuple):
    """A problem to fill in.

    Attributes:
        question: Text with ``{name}``, ``{other}``, ``{item}``, ``{place}`` and numbers ``{a}`` …
        steps: Per step, a sentence in which ``[a+b]`` is the equation; ``r`` is the first result.
    """

    question: str
    steps: tuple[str, ...]


class WordProblem(NamedTuple):
    """A question, its worked answer and the number it ends in."""

    question: str
    solution: str
    result: int


_NAMES = (
    *("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn"),
    *("Gus", "Hana", "Ivo", "June", "Kai", "Lena"),
    *("Max", "Nora", "Omar", "Pia", "Sam", "Tom"),
)
_ITEMS = (
    *("apples", "books", "coins", "cards", "shells", "stamps"),
    *("pens", "eggs", "cups", "balls", "plums", "keys"),
    *("stones", "cakes", "tiles"),
)
_PLACES = (
    *("box", "bag", "shelf", "basket", "drawer", "room"),
    *("table", "jar", "case", "tray"),
)

TEMPLATES = tuple(
    Template(question, tuple(steps))
    for question, *steps in (
        # one step: addition
        (
            "{name} has {a} {item}. {name} buys {b} more. How many {item} does {name} have now?",
            "{name} has [a+b] {item}.",
        ),
        (
            "There are {a} {item} in one {place} and {b} in another. How many {item} are there?",
            "There are [a+b] {item}.",
        ),
        (
            "{name} found {a} {item} on Monday and {b} on Friday. How many {item} is that?",
            "{name} found [a+b] {item}.",
        ),
        (
            "{name} has {a} {item} and {other} has {b}. How many do they have together?",
            "Together they have [a+b] {item}.",
        ),
        (
            "{other} gives {b} {item} to {name}, who had {a}. How many has {name} now?",
            "{name} has [a+b] {item}.",
        ),
        (
            "{name} is {a} years old. How old will {name} be in {b} years?",
            "{name} will be [a+b] years old.",
        ),
        (
            "{name} has {a} {item}. {other} has {b} more than {name}. How many has {other}?",
            "{other} has [a+b] {item}.",
        ),
        (
            "A walk has a first part of {a} km and a second part of {b} km. How long is the walk?",
            "The walk is [a+b] km.",
        ),
        # one step: subtraction
        (
            "{name} has {a} {item}. {name} gives {b} to {other}. How many {item} are left?",
            "{name} has [a-b] {item} left.",
        ),
        (
            "There were {a} {item} in the {place}. {name} took {b} out. How many are still there?",
            "There are [a-b] {item} in the {place}.",
        ),
        (
            "{name} needs {a} {item} and has {b}. How many more does {name} need?",
            "{name} needs [a-b] more {item}.",
        ),
        (
            "{name} has {a} {item} and {other} has {b}. How many more has {name} than {other}?",
            "{name} has [a-b] more {item}.",
        ),
        (
            "{name} had {a} dollars and spent {b} of them. How many dollars are left?",
            "{name} has [a-b] dollars left.",
        ),
        (
            "Of {a} {item}, {b} are red and the rest are blue. How many {item} are blue?",
            "There are [a-b] blue {item}.",
        ),
        (
            "{name} has {a} {item}. {other} has {b} fewer. How many {item} has {other}?",
            "{other} has [a-b] {item}.",
        ),
        (
            "A book has {a} pages. {name} has read {b}. How many pages are left to read?",
            "There are [a-b] pages left.",
        ),
        # one step: multiplication
        (
            "Each {place} holds {p} {item}. How many {item} are in {q} of them?",
            "There are [p*q] {item}.",
        ),
        (
            "{name} buys {p} bags with {q} {item} in each. How many {item} does {name} buy?",
            "{name} buys [p*q] {item}.",
        ),
        (
            "One of the {item} costs {p} dollars. How much do {q} cost?",
            "They cost [p*q] dollars.",
        ),
        (
            "{name} reads {p} pages a day. How many pages does {name} read in {q} days?",
            "{name} reads [p*q] pages.",
        ),
        (
            "There are {p} rows of {q} {item}. How many {item} are there?",
            "There are [p*q] {item}.",
        ),
        (
            "{name} has {p} {item}. {other} has {q} times as many. How many has {other}?",
            "{other} has [p*q] {item}.",
        ),
        # one step: division
        (
            "{name} shares {n} {item} equally among {p} friends. How many does each friend get?",
            "Each friend gets [n/p] {item}.",
        ),
        (
            "{n} {item} are packed {p} to a {place}. How many times is a {place} filled?",
            "It is filled [n/p] times.",
        ),
        (
            "{p} of the {item} cost {n} dollars. How much does one cost?",
            "One costs [n/p] dollars.",
        ),
        (
            "{name} walks {n} km in {p} hours. How many km is that in one hour?",
            "It is [n/p] km in one hour.",
        ),
        (
            "{name} puts {n} {item} in {p} equal rows. How many {item} are in each row?",
            "Each row has [n/p] {item}.",
        ),
        # two steps
        (
            "{name} has {a} {item}, buys {b} more and then gives {c} to {other}. "
            "How many {item} are left?",
            "{name} has [a+b] {item}.",
            "Then [r-c] {item} are left.",
        ),
        (
            "{name} has {a} {item}, loses {b} and then finds {c}. How many has {name} now?",
            "After the loss {name} has [a-b] {item}.",
            "Then {name} has [r+c] {item}.",
        ),
        (
            "{name} has {a} {item} and {other} has {b} more than that. "
            "How many do they have together?",
            "{other} has [a+b] {item}.",
            "Together they have [r+a] {item}.",
        ),
        (
            "{name} has {a} {item} and {other} has {b} fewer. How many do they have together?",
            "{other} has [a-b] {item}.",
            "Together they have [r+a] {item}.",
        ),
        (
            "{name} buys {p} bags with {q} {item} in each and has {c} more at home. "
            "How many {item} are there in all?",
            "The bags hold [p*q] {item}.",
            "In all there are [r+c] {item}.",
        ),
        (
            "{name} fills {p} boxes with {q} {item} each. Then {c} {item} break. "
            "How many {item} are whole?",
            "The boxes hold [p*q] {item}.",
            "There are [r-c] whole {item}.",
        ),
        (
            "{name} has {a} dollars and buys {p} {item} at {q} dollars each. "
            "How many dollars are left?",
            "The {item} cost [p*q] dollars.",
            "{name} has [a-r] dollars left.",
        ),
        (
            "{name} picks {a} {item} and {other} picks {b}. They share them equally in {p} bags. "
            "How many {item} are in each bag?",
            "They pick [a+b] {item}.",
            "Each bag has [r/p] {item}.",
        ),
        (
            "{name} has {a} {item} and keeps {b}. The rest go equally to {p} friends. "
            "How many does each friend get?",
            "The friends get [a-b] {item}.",
            "Each friend gets [r/p] {item}.",
        ),
        (
            "{n} {item} are shared equally among {p} children. {name} is one of them and already "
            "had {c}. How many has {name} now?",
            "Each child gets [n/p] {item}.",
            "{name} has [r+c] {item}.",
        ),
        (
            "In the morning {a} people come to the hall, at noon {b} more, "
            "in the evening {c} more. How many people is that?",
            "By noon there are [a+b] people.",
            "In all there are [r+c] people.",
        ),
        (
            "A rope of {a} m is cut twice: first {b} m come off, then {c} m. How many m are left?",
            "After the first cut there are [a-b] m.",
            "After the second there are [r-c] m.",
        ),
        (
            "{name} works {p} hours a day for {q} days and then {c} hours more. "
            "How many hours does {name} work?",
            "In {q} days it is [p*q] hours.",
            "In all it is [r+c] hours.",
        ),
    )
)


def _fill(template: Template, rng: random.Random) -> WordProblem | None:
    numbers = {letter: rng.choice(_ADDENDS) for letter in "abc"}
    numbers |= {letter: rng.choice(_FACTORS) for letter in "pq"}
    numbers["n"] = numbers["p"] * rng.choice(_FACTORS)
    name, other = rng.sample(_NAMES, 2)
    words = {"name": name, "other": other, "item": rng.choice(_ITEMS)}
    words |= {"place": rng.choice(_PLACES)}
    sentences, value = [], 0
    for step in template.steps:
        before, equation, after = step.replace("]", "[").split("[")
        left, sign, right = (numbers.get(part, part) for part in equation)
        left, right = int(left), int(right)
        if sign == "/" and left % right:
            return None
        value = _OPERATIONS[str(sign)](left, right)
        if not 0 <= value <= _MAX_VALUE:
            return None
        numbers["r"] = value
        sentences.append(f"{before}{left}{sign}{right}={value}{after}".format(**words, **numbers))
    question = template.question.format(**words, **numbers)
    return WordProblem(question, "\n".join((*sentences, f"#### {value}")), value)


def draw_word_problem(rng: random.Random) -> WordProblem:
    """Draw a template and numbers that keep every step whole and between 0 and 99."""
    while True:
        template = rng.choice(TEMPLATES)
        for _ in range(50):
            problem = _fill(template, rng)
            if problem is not None:
                return problem


def draw_drill(rng: random.Random) -> WordProblem:
    """Draw a bare calculation from the same ranges: ``37+25`` with answer ``37+25=62``."""
    while True:
        sign = rng.choice("+-*/")
        low, high = (_ADDENDS, _ADDENDS) if sign in "+-" else (_FACTORS, _FACTORS)
        left, right = rng.choice(low), rng.choice(high)
        if sign == "/":
            left = right * rng.randint(1, _MAX_VALUE // right)
        elif sign == "+" and rng.random() < 0.3:
            left += rng.choice(_ADDENDS)
        elif sign == "-":
            left += rng.choice(range(_MAX_VALUE - left))
        value = _OPERATIONS[sign](left, right)
        if 0 <= value <= _MAX_VALUE:
            question = f"{left}{sign}{right}"
            return WordProblem(f"What is {question}?", f"{question}={value}\n#### {value}", value)
