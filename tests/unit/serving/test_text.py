"""Text as it comes is the text as a whole."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.text import TextAssembler


def assemble(loaded, ids, stops=()):
    assembler = TextAssembler(loaded.tokenizer, stops)
    pieces = []
    for token in ids:
        pieces.append(assembler.push(token))
        if assembler.stopped:
            break
    pieces.append(assembler.flush())
    return pieces


@given(st.lists(st.integers(0, 260), max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_join_to_the_whole_text_even_where_bytes_are_no_characters(loaded, ids):
    whole = loaded.tokenizer.decode(ids, skip_special_tokens=True)
    assert "".join(assemble(loaded, ids)) == whole


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_ends_where_the_first_stop_sequence_begins(loaded, text, stops):
    ids = loaded.tokenizer.encode(text, add_special_tokens=False)
    whole = loaded.tokenizer.decode(ids, skip_special_tokens=True)
    cuts = [whole.index(stop) for stop in stops if stop in whole]
    got = "".join(assemble(loaded, ids, tuple(stops)))
    # A stop sequence is acted upon as soon as it is whole, when a longer one may have begun before.
    first_whole = min((whole.index(s) + len(s) for s in stops if s in whole), default=None)
    if first_whole is None:
        assert got == whole
    else:
        seen = whole[:first_whole]
        assert got == seen[: min(seen.index(s) for s in stops if s in seen)]
        assert len(got) >= min(cuts)


def test_a_character_of_several_tokens_comes_whole(loaded):
    ids = loaded.tokenizer.encode("é東", add_special_tokens=False)
    assert assemble(loaded, ids) == ["", "é", "", "", "東", ""]


@pytest.mark.parametrize(("text", "expected"), [("abcx", "abcx"), ("abcd", "")])
def test_what_may_begin_a_stop_sequence_is_held_back(loaded, text, expected):
    ids = loaded.tokenizer.encode(text, add_special_tokens=False)
    pieces = assemble(loaded, ids, ("abcd",))
    assert pieces[:3] == ["", "", ""]
    assert "".join(pieces) == expected


def test_the_cost_of_a_token_does_not_grow_with_the_text(loaded):
    class Counting:
        def __init__(self):
            self.longest = 0

        def decode(self, ids, **options):
            self.longest = max(self.longest, len(ids))
            return loaded.tokenizer.decode(ids, **options)

    tokenizer = Counting()
    assembler = TextAssembler(tokenizer, ("never",))
    for token in loaded.tokenizer.encode("tile " * 400, add_special_tokens=False):
        assembler.push(token)
    assert tokenizer.longest <= 3
