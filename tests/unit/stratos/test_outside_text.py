"""Ways of escaping that no library brings; `tests/unit/test_text_from_outside.py` tries outlets."""

from __future__ import annotations

import json

import pytest

from stratos.outside_text import (
    mail_subject,
    markdown,
    markdown_code,
    one_line,
    slack,
    visible,
    visible_on_page,
)


def test_what_acts_on_a_screen_is_written_out_and_words_of_every_script_stay():
    assert visible("\x1b[31mred\u202e\x9b") == r"\u001b[31mred\u202e\u009b"
    words = "a\tb\nשלום\u200f, café, 🙂\u200d🙂"
    assert visible(words) == words
    assert visible("a\r\nb") == "a\nb"


def test_half_of_a_surrogate_pair_is_written_out_since_no_utf_8_stream_takes_it():
    assert visible("a\ud800b\udfff") == r"a\ud800b\udfff"
    assert one_line("\udc00") == r"\udc00"
    assert visible_on_page("\ud83d \U0001f642") == "\\ud83d \U0001f642"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u2067שלום\u2069 a", "\u2067שלום\u2069 a"),
        ("\u2068a\u2066b\u2069\u2069", "\u2068a\u2066b\u2069\u2069"),
        ("\u2067a", r"\u2067a"),
        ("a\u2069b\u2067", r"a\u2069b\u2067"),
        ("\u2067a\u2066b\u2069", "\\u2067a\u2066b\u2069"),
        ("\u2067\u202ea\u2069\x1b", "\u2067\\u202ea\u2069\\u001b"),
    ],
    ids=["one", "nested", "open", "the wrong way round", "one of two", "what else acts"],
)
def test_a_page_has_isolates_that_end_within_their_text(text, shown):
    assert visible_on_page(text) == shown


def test_json_stays_the_same_json():
    value = {"a": "\x9b\u202e\x7f"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


def test_a_line_has_no_end_within_it():
    assert one_line("a\nb\rc\u2028d\x85e") == r"a\nb\rc\u2028d\u0085e"


def test_words_of_markdown_are_no_markup():
    assert markdown("[a](b) `c` | <d>") == r"\[a\]\(b\) \`c\` \| \<d\>"
    assert markdown("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"
    for address in ("https://a.example/b_c", "see www.a.example", "a@b.example", "MAILTO:a"):
        assert markdown(address) == f"`{address}`"
    assert markdown_code("a") == "`a`"
    assert markdown_code("a```b") == "````a```b````"
    assert markdown_code("`a") == "`` `a ``"


def test_a_post_mentions_nobody():
    assert slack("<!channel> & <https://example.invalid|a>") == (
        "&lt;!channel&gt; &amp; &lt;https://example.invalid|a&gt;"
    )


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Stratos: a\nBcc: b", r"Stratos: a\nBcc: b"),
        ("café 🙂", "cafe ?"),
        (" ", "Stratos"),
        ("x" * 200, "x" * 99),
    ],
)
def test_a_subject_is_one_that_sns_takes(text, subject):
    assert mail_subject(text) == subject
