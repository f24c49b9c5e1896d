"""JSON is found in a reply, and nothing is made up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.json_text import holds_json, is_json, json_in

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(VALUES.map(lambda value: [value]), st.sampled_from(["", "See {this}. ", 'He said "so": ']))
def test_an_object_or_list_is_found_between_sentences(value, before):
    for text in (json.dumps(value), json.dumps(value, indent=1)):
        assert json_in(f"{before}{text} That is all.") == text
        assert json.loads(json_in(f"{before}\n```JSON\n{text}\n```\nThat is all.")) == value


@pytest.mark.parametrize("text", ["none", "{'a': 1}", "[1", "{} or []", "```\n[1\n```", "", "NaN"])
def test_what_holds_no_value_or_several_is_told(text):
    assert not holds_json(text)
    assert not is_json(text)
    with pytest.raises(ValueError, match="JSON values in the text"):
        json_in(text)


def test_the_last_block_between_fences_counts():
    assert json_in("```json\n[1]\n```\nNo:\n```\n[2]\n```\n```python\n[3]\n```") == "[2]"


def test_a_value_that_is_nested_too_deeply_is_held_by_nothing():
    assert not holds_json("[" * 100_000 + "]" * 100_000)
