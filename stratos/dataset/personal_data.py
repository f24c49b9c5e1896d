"""Personal data in texts, by its form: e-mail addresses, phone numbers, cards, IBANs, IP addresses.

Forms only narrow down where to look; libphonenumber and python-stdnum decide on phone numbers,
IBANs and cards. Every search takes linear time: what is matched at one place has a longest length.
Names, streets and other things without a form are not found.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from phonenumbers import (
    SUPPORTED_REGIONS,
    Leniency,
    PhoneNumberFormat,
    PhoneNumberMatcher,
    format_number,
)
from stdnum import iban, luhn, numdb

from stratos.errors import DatasetRejected
from stratos.spec import PersonalData

_LONGEST_LOCAL_PART = 64
_LONGEST_DOMAIN = 255
_AT_SIGNS = ("@", "%40", "\uff20", "\\u0040", "&#64;", "&#x40;", "&commat;")
"""As in addresses, in queries of web addresses, as wide as East Asian letters, in JSON within other
text, and in HTML."""
_LOCAL_PART = re.compile(r"[\w.%+'-]+\Z")
_DOMAIN = re.compile(r"\w(?:[\w-]{0,62})(?:\.\w[\w-]{0,62})+")
_GAP = "[ \u00a0\u2009\u202f\u2010-\u2013-]"
"""Between groups of digits: spaces that break a line or not, hyphens and the short dash."""
_IBAN_START = re.compile(rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}[0-9]{{2}}(?={_GAP}?[A-Za-z0-9])")
_DIGIT_GROUPS = re.compile(rf"(?<!\w)(?<!\d\.)\d{{4,19}}(?:{_GAP}\d{{3,7}}){{0,4}}(?!\w)")
_DIGITS_OF_CARDS = range(13, 20)
_FIRST_DIGITS_OF_CARDS = "23456"
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{2,45}(?![\w:])")
_MAYBE_PHONE = re.compile(r"\d(?:(?:[^\w\n]|\u30fc){0,4}\d){6}")
"""The shortest numbers have seven digits, and signs between them, one of them a letter of Japanese
that is used as a dash."""


@dataclass(frozen=True)
class PersonalValue:
    """One piece of personal data in a text."""

    start: int
    end: int
    kind: PersonalData
    value: str
    """The same for every way to write it."""


class PersonalDataFinder:
    """Finds the chosen kinds.

    Args:
        phone_regions: Countries whose numbers are found without a `+`.

    Raises:
        DatasetRejected: A region is none that has phone numbers.
    """

    def __init__(self, kinds: tuple[PersonalData, ...], phone_regions: tuple[str, ...]) -> None:
        if unknown := sorted(set(phone_regions) - SUPPORTED_REGIONS):
            raise DatasetRejected(
                f"task.phone_regions has {', '.join(unknown)}, which is no region with phone "
                "numbers; give ISO 3166 codes such as GB, US or DE"
            )
        self._regions: tuple[str | None, ...] = phone_regions or (None,)
        finders: Mapping[PersonalData, Callable[[str], Iterator[PersonalValue]]] = {
            "email": _emails,
            "iban": _ibans,
            "card": _cards,
            "ip": _ip_addresses,
            "phone": self._phones,
        }
        self._finders = [find for kind, find in finders.items() if kind in kinds]

    def find(self, text: str) -> list[PersonalValue]:
        """What is in a text, in its order. Where kinds overlap, the stricter form counts."""
        found: list[PersonalValue] = []
        taken = bytearray()
        for finder in self._finders:
            for one in finder(text):
                taken = taken or bytearray(len(text))
                if not any(taken[one.start : one.end]):
                    taken[one.start : one.end] = b"\1" * (one.end - one.start)
                    found.append(one)
        return sorted(found, key=lambda one: one.start)

    def _phones(self, text: str) -> Iterator[PersonalValue]:
        if not _MAYBE_PHONE.search(text):
            return
        end = 0
        matches = (
            match
            for region in self._regions
            for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID)
        )
        for match in sorted(matches, key=lambda match: (match.start, -match.end)):
            if match.start >= end:  # else another region has found it
                end = match.end
                value = format_number(match.number, PhoneNumberFormat.E164)
                yield PersonalValue(match.start, end, "phone", value)


def _emails(text: str) -> Iterator[PersonalValue]:
    for sign in _AT_SIGNS:
        yield from _emails_with(sign, text)


def _emails_with(sign: str, text: str) -> Iterator[PersonalValue]:
    at, end = text.find(sign), 0
    while at >= 0:
        after = at + len(sign)
        if sign.startswith("\\"):  # JSON in a string of JSON has several
            while at > end and text[at - 1] == "\\":
                at -= 1
        before = _LOCAL_PART.search(text, max(end, at - _LONGEST_LOCAL_PART), at)
        domain = _DOMAIN.match(text, after, after + _LONGEST_DOMAIN)
        if before and domain:
            start = before.start() + len(before[0]) - len(before[0].lstrip(".'-"))
            if start < at:
                end = domain.end()
                address = f"{text[start:at]}@{domain[0]}"
                yield PersonalValue(start, end, "email", address.casefold())
        at = text.find(sign, after)


def _ibans(text: str) -> Iterator[PersonalValue]:
    for begun in _IBAN_START.finditer(text):
        length = _iban_length(begun[0][:2].upper())
        if length is None:
            continue
        whole = re.compile(rf"[A-Za-z0-9](?:{_GAP}?[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")
        match = whole.match(text, begun.start())
        if match and iban.is_valid(match[0]):
            yield PersonalValue(match.start(), match.end(), "iban", iban.compact(match[0]))


@cache
def _iban_length(country: str) -> int | None:
    """How many characters the IBANs of a country have; None where it has none."""
    ((_, known),) = numdb.get("iban").info(country)[:1]
    parts = re.findall(r"(\d+)!", known.get("bban", ""))
    return 4 + sum(map(int, parts)) if parts else None


def _cards(text: str) -> Iterator[PersonalValue]:
    start = 0
    while match := _DIGIT_GROUPS.search(text, start):
        ends = [each.end() for each in re.finditer(r"\d+", match[0])]
        start = match.start() + ends[0]
        for end in reversed(ends):  # an expiry date or a code may follow
            written = match[0][:end]
            digits = "".join(str(unicodedata.digit(each)) for each in written if each.isdigit())
            if (
                len(digits) in _DIGITS_OF_CARDS
                and digits[0] in _FIRST_DIGITS_OF_CARDS
                and luhn.is_valid(digits)
            ):
                start = match.start() + end
                yield PersonalValue(match.start(), start, "card", digits)
                break


def _ip_addresses(text: str) -> Iterator[PersonalValue]:
    if text.count(".") > 2:
        for match in _IPV4.finditer(text):
            yield from _ip_address(match.start(), match[0])
    if text.count(":") > 1:
        for match in _IPV6.finditer(text):
            written = match[0].rstrip(".:")
            if any(each.isdigit() for each in written):  # else it may be a name: `abc::def`
                yield from _ip_address(match.start(), written)


def _ip_address(start: int, written: str) -> Iterator[PersonalValue]:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return
    if not (address.is_loopback or address.is_unspecified):
        yield PersonalValue(start, start + len(written), "ip", str(address))
