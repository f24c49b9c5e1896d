"""Patterns are matched in linear time, or refused by name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.spec.patterns import PatternRefused, matches, occurs, pattern_fault

PIECES = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\.", "(?:ab)", "a|b", "(b|a)"])
PATTERNS = st.lists(
    st.tuples(PIECES, st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "*?"])), max_size=5
).map(lambda pairs: "".join(f"(?:{piece}){repeated}" for piece, repeated in pairs))


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("a(?=b)", "lookahead or lookbehind"),
        ("(?<!a)b", "lookahead or lookbehind"),
        (r"(a)\1", "a back-reference"),
        ("(?P<x>a)(?P=x)", "a back-reference"),
        ("a++b", "a possessive quantifier"),
        ("a{2}+", "a possessive quantifier"),
        ("(?>a)", "an atomic group"),
        ("(a)?(?(1)b)", "a condition on a group"),
        ("(?#what)a", "a comment in a group"),
        ("[a&&b]", "`&&` in a character class"),
        ("[[]", "`[` in a character class"),
        (r"a\Z", r"`\Z`"),
        ("a{,3}", "`{0,n}` for `{,n}`"),
        (r"\w{5000}", "ask for fewer repetitions"),
        ("(?:[a-z]{0,200}){0,200}z", "stands for more than 10,000 characters"),
        ("((a{9}b){9}[)]{9}){99}{9}", "stands for more than 10,000 characters"),
        ("(?x)(" + "a" * 200 + "# )\n){200}", "stands for more than 10,000 characters"),
        ("(?x)b(?-x:(a{99}[ ]#)){200}", "verbose in part"),
        ("(?x:a)(b#{99}){200}", "verbose in part"),
        ("(?-x)(b#{99}){200}", "verbose in part"),
        ("(?x:#[\n)#?(?:(?:a|b){100}){300}(?:c|d)", "verbose in part"),
        ("(?x)#[\na*+a", "a possessive quantifier"),
        ("(?x)#[\na*+a]", "a possessive quantifier"),
        ("(?x) a # [\n [b", "a `[` that nothing closes"),
        (r"a\p{L", r"`\p{` that nothing closes"),
        ("a{999999999}", "stands for more than 10,000 characters"),
        ("a)(b", "unopened group"),
        ("(", "unclosed group"),
    ],
)
def test_what_cannot_be_matched_in_linear_time_is_refused_by_name(pattern, named):
    assert named in pattern_fault(pattern)
    with pytest.raises(PatternRefused, match=re.escape(named)):
        matches(pattern, "a")


@pytest.mark.parametrize("part", ["a[", r"\p{", "(?" + "x" * 9, "[a" + "\\"])
def test_a_long_pattern_in_which_nothing_is_closed_is_read_once_and_not_from_each_place(
    part: str,
) -> None:
    """Read from each place, these would take hours."""
    assert pattern_fault(part * 100_000) is not None
    with pytest.raises(PatternRefused, match="…") as refused:
        matches(part * 100_000, "a")
    assert len(str(refused.value)) < 1_000


@given(PATTERNS, st.text(alphabet="ab.1\n", max_size=8))
def test_a_pattern_that_is_accepted_means_what_it_means_in_python(pattern, text):
    assert pattern_fault(pattern) is None
    assert matches(pattern, text) is (re.fullmatch(pattern, text) is not None)
    assert occurs(pattern, text) is (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "whole"),
    [
        (r"[\p{L}\p{M}]+", "दिन", True),
        (r"[\[\]+-]+", "[-]", True),
        ("(?x) a  # a letter", "a", True),
        ("(?i)yes|no", "NO", True),
        ("a", "ab", False),
        ("a|ab", "ab", True),
        ("", "\ud800", False),
    ],
)
def test_a_pattern_matches_a_text_in_full(pattern, text, whole):
    assert matches(pattern, text) is whole


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4,8}",
        ".{1,5000}",
        "(?:[a-z]{0,90}){0,90}",
        r"[{]\{9999\}",
        "(?:a|b){2,}",
        "x{3}" * 900,
        "(?:a){4000}",
        "(?P<name_of_it>a){4000}",
        "(?<name_of_it>a){4000}",
        "(?i:a){4000}",
        "(?i)a{3000}",
        "(?x) a{9}  # [a]{9999}{9999}",
        "(?x) a  # it's [optional\n b",
        "(?x) (?: a  # a letter\n  b ){4000}",
    ],
)
def test_repetitions_that_are_matched_in_time_are_taken(pattern: str) -> None:
    assert pattern_fault(pattern) is None
