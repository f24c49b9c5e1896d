"""Distributions compared across tokenizers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.tiny_models import byte_level_tokenizer
from training.objectives.cross_tokenizer import END, align, ends, shared_outcomes, token_texts

MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "r"), ("Ã", "©")]


cuts = st.lists(st.integers(1, 40), unique=True).map(sorted)


@given(st.integers(1, 40), cuts, cuts)
def test_chunks_cover_every_byte_and_token_exactly_once(length, ours, theirs):
    one = [end for end in ours if end < length] + [length]
    other = [end for end in theirs if end < length] + [length]
    chunks = align(one, other)
    for tokenization, side in ((one, "ours"), (other, "theirs")):
        pieces = [getattr(chunk, side) for chunk in chunks]
        assert [piece[0] for piece in pieces] == [0, *(piece[1] for piece in pieces[:-1])]
        assert pieces[-1][1] == len(tokenization)
    for chunk in chunks:
        assert one[chunk.ours[1] - 1] == other[chunk.theirs[1] - 1]
    # And none could be cut further.
    assert len(chunks) == len(set(one) & set(other))


@given(st.lists(st.integers(1, 40), unique=True, min_size=1).map(sorted))
def test_one_tokenization_aligns_with_itself_token_by_token(positions):
    whole = [(index, index + 1) for index in range(len(positions))]
    assert [chunk.ours for chunk in align(positions, positions)] == whole
    assert [chunk.theirs for chunk in align(positions, positions)] == whole


words = st.lists(st.binary(min_size=1, max_size=5), unique=True, min_size=1, max_size=30)


@given(words, words)
def test_an_outcome_is_named_by_a_token_of_both_that_its_members_begin_with(ours, theirs):
    mapped, other, count = shared_outcomes(ours, theirs)
    common = set(ours) & set(theirs)
    roots = {mapped[ours.index(token)]: token for token in common}
    assert len(roots) == len(common)
    for tokens, outcomes in ((ours, mapped), (theirs, other)):
        for token, outcome in zip(tokens, outcomes, strict=True):
            assert outcome in roots or outcome == 0
            if outcome:
                assert token.startswith(roots[outcome])
            if token in common:
                assert roots[outcome] == token
    assert count == len(common) + 1


@given(words)
def test_for_one_vocabulary_every_token_is_an_outcome_of_its_own(tokens):
    mapped, other, count = shared_outcomes(tokens, tokens)
    assert mapped == other == list(range(1, count))


def test_a_token_that_the_other_lacks_belongs_to_what_the_other_would_write_first():
    ours, theirs, _ = shared_outcomes([b"hello", b"hel", b"l", b"o"], [b"hel", b"lo", b"l", b"o"])
    assert ours[0] == ours[1] == theirs[0]
    assert theirs[1] == theirs[2] == ours[2]


@pytest.mark.parametrize("text", ["the other", " thé\n  end", "漢字 🀄 then"])
def test_token_texts_spell_what_was_tokenized(text):
    tokenizer = byte_level_tokenizer(MERGES)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    written, positions = ends(tokens, token_texts(tokenizer, 1))
    assert written == text.encode()
    assert positions[-1] == len(written)
    assert token_texts(tokenizer, 1)[1] == END
