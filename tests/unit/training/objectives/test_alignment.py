"""Distributions compared across tokenizers."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from stratos.contracts.records import Message, TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.spec import Training
from tests.unit.training.tiny_models import (
    CHARACTERS,
    byte_level_tokenizer,
    make_model,
    make_tokenizer,
)
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.aligned_teacher import AlignedTeacher, teacher_prompts
from training.objectives.cross_tokenizer import END, align, ends, shared_outcomes, token_texts
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import encode, micro_batches

RECORDS = [
    TrainingRecord(
        id=str(number),
        messages=(Message(role="user", content=f"how many {number}?"),),
        completion=completion,
        strategy="alignment",
    )
    for number, completion in enumerate(["the other one", "then there", "in the end #### 4"])
]


MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "r"), ("Ã", "©")]


def make_local(tokenizer, seed):
    model = make_model(len(tokenizer), seed=seed)
    return LocalModel("tiny", model, tokenizer, ChatFormat(tokenizer))


def aligned(teacher, student, **settings):
    messages = [record.messages for record in RECORDS]
    prompts = teacher_prompts(messages, student.chat, teacher.chat)
    return AlignedTeacher(teacher, student, prompts, Training(kd_weight=1.0, **settings))


def batch_of(student):
    (batch,) = micro_batches(encode(RECORDS, student.chat, max_tokens=99), 999)
    return batch


def logits_of(local, batch):
    with torch.no_grad():
        return local.model(batch.tokens).logits[batch.predicts]


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


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_with_one_tokenizer_it_is_ordinary_distillation(beta):
    student, teacher = make_local(make_tokenizer(), 1), make_local(make_tokenizer(), 2)
    settings = {"jsd_beta": beta, "temperature": 1.7}
    batch = batch_of(student)
    ours = logits_of(student, batch).requires_grad_()
    whole = slice(0, len(batch.targets))
    ordinary = TeacherDistribution(
        teacher, Training(kd_weight=1.0, **settings), student.vocabulary_size
    ).loss_of(batch)(ours, whole)
    (wanted,) = torch.autograd.grad(ordinary, ours)
    across = aligned(teacher, student, **settings).loss_of(batch)(ours, whole)
    (found,) = torch.autograd.grad(across, ours)
    torch.testing.assert_close(across, ordinary, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


def test_it_vanishes_for_the_same_model_and_never_becomes_negative():
    student = make_local(byte_level_tokenizer(MERGES), 1)
    batch = batch_of(student)
    whole = slice(0, len(batch.targets))
    same = aligned(student, student).loss_of(batch)(logits_of(student, batch), whole)
    torch.testing.assert_close(same, torch.tensor(0.0), atol=1e-5, rtol=0)
    other = make_local(make_tokenizer(), 2)
    assert aligned(other, student).loss_of(batch)(logits_of(student, batch), whole) > 0.1


def test_each_shared_boundary_is_compared_and_no_other():
    student = make_local(byte_level_tokenizer(MERGES), 1)
    teacher = make_local(make_tokenizer(), 2)
    batch = batch_of(student)
    ours = logits_of(student, batch).requires_grad_()
    aligned(teacher, student).loss_of(batch)(ours, slice(0, len(batch.targets))).backward()
    # The teacher splits every character, so that it meets the student at every token.
    assert (ours.grad.abs().sum(1) > 0).all()
    batch = batch_of(teacher)
    theirs = logits_of(teacher, batch).requires_grad_()
    aligned(student, teacher).loss_of(batch)(theirs, slice(0, len(batch.targets))).backward()
    moved = int((theirs.grad.abs().sum(1) > 0).sum())
    tokens = student.chat.completions([record.completion for record in RECORDS])
    assert moved == sum(map(len, tokens)) < len(batch.targets)


def test_rows_taken_in_parts_add_up():
    student, teacher = make_local(byte_level_tokenizer(MERGES), 1), make_local(make_tokenizer(), 2)
    batch = batch_of(student)
    ours, count = logits_of(student, batch), len(batch.targets)
    loss = aligned(teacher, student).loss_of(batch)
    parts = sum(
        loss(ours[start : start + 5], slice(start, start + 5)) for start in range(0, count, 5)
    )
    torch.testing.assert_close(parts, loss(ours, slice(0, count)))


def test_gradients_across_tokenizers_are_right():
    student, teacher = make_local(byte_level_tokenizer(MERGES), 1), make_local(make_tokenizer(), 2)
    (batch,) = micro_batches(encode(RECORDS[1:2], student.chat, max_tokens=99), 999)
    rows = slice(0, len(batch.targets))
    loss = aligned(teacher, student, jsd_beta=0.3).loss_of(batch)
    scores = logits_of(student, batch).double()[:, :60].requires_grad_()
    padding = torch.full((len(scores), student.vocabulary_size - 60), -9.0, dtype=torch.double)
    assert gradcheck(lambda x: loss(torch.cat([x, padding], 1), rows), (scores,))


def test_vocabularies_without_anything_in_common_are_refused_with_the_fallback_named():
    student = make_local(make_tokenizer(CHARACTERS[:26]), 1)
    teacher = make_local(make_tokenizer([*CHARACTERS[26:52], "?"]), 2)
    with pytest.raises(IncompatibleVocabulary, match=r"Set training\.kd_weight to 0"):
        aligned(teacher, student)


def test_a_teacher_that_changes_every_text_is_refused():
    student = make_local(byte_level_tokenizer(MERGES), 1)
    teacher = make_local(make_tokenizer([c for c in CHARACTERS if c != "e"]), 2)
    examples = encode(RECORDS, student.chat, max_tokens=99)
    with pytest.raises(IncompatibleVocabulary, match="changes the text of all 3 examples"):
        aligned(teacher, student).require_alignment(examples)


def test_the_students_own_samples_are_not_kept_for_a_second_reading():
    student, teacher = make_local(make_tokenizer(), 1), make_local(byte_level_tokenizer(MERGES), 2)
    objective = aligned(teacher, student)
    batch = batch_of(student)
    read = []
    completions = teacher.chat.completions
    teacher.chat.completions = lambda texts: read.append(texts) or completions(texts)
    objective.loss_of(replace(batch, gold=False))
    sampled = len(read)
    objective.loss_of(replace(batch, gold=False))
    assert (sampled, len(read)) == (3, 6)
    objective.loss_of(batch)
    objective.loss_of(batch)
    assert len(read) == 9
