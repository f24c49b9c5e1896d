"""What is found by its form, and what only looks like it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset.personal_data import PersonalDataFinder
from stratos.errors import DatasetRejected
from stratos.spec import PersonalData

ALL = get_args(PersonalData)
FINDER = PersonalDataFinder(ALL, ("US", "DE"))


def found(text: str, finder: PersonalDataFinder = FINDER) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in finder.find(text)]


@pytest.mark.parametrize(
    ("text", "kind", "written"),
    [
        ("to Anna.Bauer+x@mail.example.co.uk, soon", "email", "Anna.Bauer+x@mail.example.co.uk"),
        ("<mailto:a@b.example>", "email", "a@b.example"),
        ("'a@b.example'", "email", "a@b.example"),
        ("почта: иван@почта.рф.", "email", "иван@почта.рф"),
        ("pay 4111 1111 1111 1111 now", "card", "4111 1111 1111 1111"),
        ("5555-5555-5555-4444", "card", "5555-5555-5555-4444"),
        ("3782 822463 10005 12/27", "card", "3782 822463 10005"),
        ("4111 1111 1111 1111 123", "card", "4111 1111 1111 1111"),
        ("٤١١١١١١١١١١١١١١١", "card", "٤١١١١١١١١١١١١١١١"),
        ("IBAN DE89 3704 0044 0532 0130 00, thanks", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
        ("REF AB12 CDEF GHIJ DE89 3704 0044 0532 0130 00", "iban", "DE89 3704 0044 0532 0130 00"),
        ("from 192.168.10.7:443", "ip", "192.168.10.7"),
        ("at 2001:db8::8a2e:370:7334.", "ip", "2001:db8::8a2e:370:7334"),
        ("call +44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("call (415) 555-2671", "phone", "(415) 555-2671"),
        ("Tel. 030 901820", "phone", "030 901820"),
        ("https://a.example/?to=anna%40b.example&n=1", "email", "anna%40b.example"),
        ("anna\uff20b.example", "email", "anna\uff20b.example"),
        (r'got {"to": "anna\u0040b.example"}', "email", r"anna\u0040b.example"),
        (r'got "{\"to\": \"anna\\u0040b.example\"}"', "email", r"anna\\u0040b.example"),
        ("<p>anna&#64;b.example</p>", "email", "anna&#64;b.example"),
        ("<p>anna&commat;b.example</p>", "email", "anna&commat;b.example"),
        ("No.4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("4111\u00a01111\u00a01111\u00a01111", "card", "4111\u00a01111\u00a01111\u00a01111"),
        ("4111\u20131111\u20131111\u20131111", "card", "4111\u20131111\u20131111\u20131111"),
        ("DE89\u00a03704\u202f0044 0532 0130 00", "iban", "DE89\u00a03704\u202f0044 0532 0130 00"),
    ],
)
def test_what_has_a_form_is_found_whole(text: str, kind: str, written: str):
    assert found(text) == [(kind, written)]


@pytest.mark.parametrize(
    "text",
    [
        "user@host, @anna and a@b",
        "4111 1111 1111 1112 is no card: its check digit is wrong",
        "DE88 3704 0044 0532 0130 00 is no IBAN either",
        "at 12:30:45 in abc::def and std::vector",
        "127.0.0.1, ::1, 0.0.0.0 and 300.1.2.3",
        "0.4111111111111111 and 1.4111 1111 1111 1111",
        "order 1699999999999999 of 2024-10-11 costs 1,299.00",
        "Anna Bauer, 12 Rose Street, Leeds",
    ],
)
def test_what_only_looks_like_it_is_left(text: str):
    assert found(text) == []


def test_every_way_to_write_a_value_has_one_value():
    text = "A@b.example a@B.example; +49 30 901820, 030 901820;"
    text += " 4111111111111111 4111-1111-1111-1111"
    values = [(one.kind, one.value) for one in FINDER.find(text)]
    assert values == [
        *[("email", "a@b.example")] * 2,
        *[("phone", "+4930901820")] * 2,
        *[("card", "4111111111111111")] * 2,
    ]


def test_ways_to_write_an_address_or_an_iban_agree_on_its_value():
    text = "a@b.example a%40b.example; DE89 3704 0044 0532 0130 00, "
    text += "DE89\u00a03704\u20110044\u20130532\u202f0130\u200900"
    values = [(one.kind, one.value) for one in FINDER.find(text)]
    assert values == [
        *[("email", "a@b.example")] * 2,
        *[("iban", "DE89370400440532013000")] * 2,
    ]


def test_a_japanese_number_is_found_with_the_letter_that_serves_as_its_dash():
    finder = PersonalDataFinder(("phone",), ("JP",))
    assert found("電話は03\u30fc1234\u30fc5678です", finder) == [
        ("phone", "03\u30fc1234\u30fc5678")
    ]


def test_only_the_kinds_that_are_asked_for_are_found():
    finder = PersonalDataFinder(("ip",), ())
    assert found("a@b.example at 10.0.0.7, +44 20 7946 0958", finder) == [("ip", "10.0.0.7")]


def test_without_a_region_a_phone_number_needs_its_plus():
    finder = PersonalDataFinder(("phone",), ())
    assert found("(415) 555-2671 or +1 415 555 2671", finder) == [("phone", "+1 415 555 2671")]


def test_a_region_without_phone_numbers_is_refused_and_named():
    with pytest.raises(DatasetRejected, match="phone_regions has UK"):
        PersonalDataFinder(("phone",), ("UK", "US"))


PIECES = [*"aA1.@:-+ 4DE()\u0664\n\\", r"\u0040", "&#64;"]


@given(st.lists(st.sampled_from(PIECES), max_size=200).map("".join))
def test_findings_of_any_text_are_in_order_and_apart(text: str):
    findings = FINDER.find(text)
    edges = [edge for one in findings for edge in (one.start, one.end)]
    assert edges == sorted(edges)
    assert all(one.start < one.end <= len(text) for one in findings)
