"""Numbers as people and models write them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from stratos.normal_text import stream_safe

MAX_CHARACTERS = 1_000
"""A longer number is none: its arithmetic would cost more than reading it."""

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_TAG = re.compile(r"</?[a-zA-Z]{1,10}/?>")
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_LATEX = re.compile(r"(\d?)\\[dt]?frac\s{0,3}\{(-?\d{1,40})\}\s{0,3}\{(\d{1,40})\}")
_UNIT_POWER = re.compile(r"(?<![^\W\d_])((?:[kcdmµ]?m|ft|in|yd|mi))\^?([23])(?!\w)", re.IGNORECASE)
_POWERS = {"2": "sq", "3": "cu"}
_TIMES_TEN = re.compile(r"(?<=\d) ?[×x*·⋅] ?10(?:\^|\*\*)\{?([-+]?\d{1,6})\}?(?!\d)", re.IGNORECASE)
_CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹"} | {
    sign: sign for sign in "$€£¥₹₩₽₺₫₪₴₦฿¢"
}
_SHARES = {"%": "%", "percent": "%", "per cent": "%", "‰": "‰", "per mille": "‰", "permille": "‰"}
_SCALES = {
    "k": 3, "thousand": 3, "M": 6, "million": 6, "B": 9, "bn": 9, "billion": 9, "trillion": 12,
    "lakh": 5, "crore": 7, "千": 3, "万": 4, "萬": 4, "億": 8, "亿": 8,
}  # fmt: skip
_UNITS = {
    name: unit
    for unit, names in {
        "mm": "mm millimeter millimetre", "cm": "cm centimeter centimetre",
        "m": "m meter metre", "km": "km kilometer kilometre", "ft": "ft foot feet",
        "mi": "mi mile", "mg": "mg milligram", "g": "g gram", "kg": "kg kilogram kilo",
        "lb": "lb lbs", "oz": "oz ounce", "ms": "ms millisecond", "s": "s sec second",
        "min": "min minute", "h": "h hr hrs hour", "day": "day", "week": "week", "month": "month",
        "year": "year yr", "ml": "ml milliliter millilitre", "l": "l liter litre",
        "°c": "°c celsius", "°f": "°f fahrenheit",
    }.items()
    for name in names.split()
}  # fmt: skip
"""Units whose names are told apart. Other words beside a number are not read."""
_MONEY = "|".join(map(re.escape, _CURRENCIES))
_TOKEN = re.compile(
    r"(?P<bound>[<>≤≥±] ?)?(?P<sign>[-+]|\b(?i:minus|negative) )?"
    rf"(?:(?:\b[A-Z]{{1,2}})?(?P<money>{_MONEY}) ?)?(?P<inner>[-+])?"
    r"(?P<digits>\.?\d(?:[.,'_ ]?\d)*)(?P<exponent>[eE][-+]?\d{1,9})?"
    r"(?P<scale>(?:[kKMB]|bn)(?!\w)| ?(?i:thousand|million|billion|trillion|lakh|crore)s?\b"
    r"|[千万萬億亿])?"
    rf"(?: ?(?P<share>[%‰]|(?i:percent|per cent|per mille|permille)\b)| ?(?P<after>{_MONEY})"
    r"| ?-?(?P<word>°?[a-zA-Z]{1,12})(?![\w/^]))?"
)
_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_GROUPED = (
    (re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"), ",", "."),
    (re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"), ",", "."),  # of India
    (re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)"), ".", ","),
    (re.compile(r"\d{1,3}(?:\.\d{3}){2,}"), ".", ","),
    (re.compile(r"\d{1,3}(?: \d{3})+(?:\.\d+)?"), " ", "."),
    (re.compile(r"\d{1,3}(?: \d{3})+(?:,\d+)?"), " ", ","),
    (re.compile(r"\d{1,3}(?:'\d{3})+(?:\.\d+)?"), "'", "."),
    (re.compile(r"\d+(?:_\d+)+(?:\.\d+)?"), "_", "."),
    (re.compile(r"\d+,\d+"), "", ","),  # decimal comma: three digits behind it were a group above
)


@dataclass(frozen=True)
class Quantity:
    """A number and the sign of what it counts.

    Attributes:
        unit: A currency's sign, `%`, `‰` or a unit of measure; empty where there is none.
    """

    value: Decimal
    unit: str = ""


def parse_number(text: str) -> Decimal | None:
    """Read the one number in a text; None unless there is one."""
    found = parse_quantity(text)
    return None if found is None else found.value


def same_number(answer: str, gold: str, tolerance: float) -> bool:
    """Tell whether two texts hold the same number.

    Units are compared where both texts have one, and are not converted, but for `%` and `‰`. The
    gold answer may leave all of them out but `‰`.
    """
    ours, theirs = parse_quantity(answer), parse_quantity(gold)
    if ours is None or theirs is None:
        return False
    difference = ours.value - theirs.value
    if ours.unit == "‰" and not theirs.unit:
        return False
    if ours.unit and theirs.unit and ours.unit != theirs.unit:
        if {ours.unit, theirs.unit} != {"%", "‰"}:
            return False
        difference = _in_percent(ours) - _in_percent(theirs)
    return abs(difference) <= Decimal(str(tolerance))


def parse_quantity(text: str) -> Quantity | None:
    """Read the one number in a text, with its sign; None unless there is one.

    The result of an equation is what follows its only `=`.
    """
    try:
        plain = _plain(text)
        before, equals, after = plain.partition("=")
        if equals and "=" not in after and any(map(str.isdigit, before)):
            plain = after
        return _read(plain)
    except ArithmeticError:
        return None


def _read(text: str) -> Quantity | None:
    tokens = []
    for token in _TOKEN.finditer(text):
        tokens.append(token)
        if len(tokens) > 2 or len(token["digits"]) > MAX_CHARACTERS:
            return None
    if not tokens:
        return None
    first = tokens[0]
    if any(token["bound"] for token in tokens):
        return None
    if len(tokens) == 2:
        return _fraction(text, first, tokens[1])
    if _is_part_of_a_word(text, first):
        return None
    value = _unsigned(first["digits"])
    if value is None:
        return None
    power = int((first["exponent"] or "e0")[1:]) + _power(first["scale"])
    return Quantity(_signed(first, value.scaleb(power) if power else value), _unit(first))


def _power(scale: str | None) -> int:
    """Of ten: 6 for `million` and `M`."""
    name = (scale or "").strip()
    if not name:
        return 0
    return _SCALES[name] if name in _SCALES else _SCALES[name.lower().removesuffix("s")]


def _fraction(text: str, first: re.Match[str], second: re.Match[str]) -> Quantity | None:
    """`3/4`, and `1 1/2` with its whole part."""
    if text[first.end() : second.start("digits")].strip() != "/" or second["sign"]:
        return None
    whole, _, numerator = first["digits"].rpartition(" ")
    parts = (whole or "0", numerator, second["digits"])
    if not all(part.isdigit() for part in parts) or first["exponent"] or second["exponent"]:
        return None
    if text[second.end() :].lstrip().startswith("/") or first["scale"] or second["scale"]:
        return None
    ones, above, below = map(Decimal, parts)
    return Quantity(_signed(first, ones + above / below), _unit(first) or _unit(second))


def _is_part_of_a_word(text: str, token: re.Match[str]) -> bool:
    """`COVID-19` and `H2O` hold no number; `5km` does."""
    start = token.start("digits")
    before = text[max(0, start - 2) : start]
    joined = _is_cased(before[-1:]) or (before[-1:] == "-" and _is_cased(before[:1]))
    return joined and not token["money"]


def _is_cased(char: str) -> bool:
    """Of a script whose words stand apart: Latin, Greek, Cyrillic. Others may touch a number."""
    return char.lower() != char.upper()


def _unsigned(digits: str) -> Decimal | None:
    if _PLAIN.fullmatch(digits):
        return Decimal(digits)
    for form, group, point in _GROUPED:
        if form.fullmatch(digits):
            for mark in group:
                digits = digits.replace(mark, "")
            return Decimal(digits.replace(point, "."))
    return None


def _signed(token: re.Match[str], value: Decimal) -> Decimal:
    signs = ((token["sign"] or "").strip().lower(), token["inner"])
    negative = sum(sign in ("-", "minus", "negative") for sign in signs)
    return value.copy_negate() if negative == 1 else value


def _unit(token: re.Match[str]) -> str:
    if share := token["share"]:
        return _SHARES[share.lower()]
    if money := token["money"] or token["after"]:
        is_formula = token["money"] == token["after"] == "$"
        return "" if is_formula else _CURRENCIES[money]
    word = (token["word"] or "").lower()
    for power in _POWERS.values():
        if word.removesuffix(power) in _UNITS:
            return word
    return _UNITS.get(word) or _UNITS.get(word.removesuffix("s")) or ""


def _in_percent(quantity: Quantity) -> Decimal:
    return quantity.value / 10 if quantity.unit == "‰" else quantity.value


def _plain(text: str) -> str:
    """ASCII digits and signs in place of the many forms that Unicode has."""
    opened = _TAG.sub(" ", text)
    opened = _VULGAR.sub(lambda found: _behind(found[1], _decomposed(found[2])), opened)
    opened = _RAISED.sub(lambda found: _raised(opened, found), opened)
    folded = "".join(map(_ascii, unicodedata.normalize("NFKC", stream_safe(opened))))
    folded = _UNIT_POWER.sub(lambda found: found[1] + _POWERS[found[2]], folded)
    folded = _LATEX.sub(lambda found: _behind(found[1], f"{found[2]}/{found[3]}"), folded)
    return _TIMES_TEN.sub(r"e\1", folded.replace("{,}", ",").replace("\\", " "))


def _behind(whole: str, fraction: str) -> str:
    return f"{whole} {fraction}" if whole else fraction


def _decomposed(fraction: str) -> str:
    return unicodedata.normalize("NFKC", fraction).replace("\u2044", "/")


def _raised(text: str, found: re.Match[str]) -> str:
    """The exponent of a number; behind a letter it belongs to a unit, as in m²."""
    before = text[max(0, found.start() - 1) : found.start()]
    power = found[0].translate(_SUPERSCRIPTS)
    return f"^{power}" if before.isdecimal() else _POWERS.get(power, "")


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return _MARKS.get(char, char)


_MARKS = {
    "٫": ".", "٬": ",", "،": ",", "٪": "%", "−": "-", "–": "-", "‒": "-", "’": "'", "⁄": "/",
    "∕": "/",
}  # fmt: skip
