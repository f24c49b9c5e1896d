"""A teacher's distribution across tokenizers, as an objective."""

from dataclasses import replace

import pytest
import torch
from torch.autograd import gradcheck

from stratos.contracts.messages import Message
from stratos.contracts.records import TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.spec import Training
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, WEATHER
from tests.unit.training.tiny_models import (
    CHARACTERS,
    byte_level_tokenizer,
    make_local,
    make_tokenizer,
    tool_tokenizer,
)
from training.models.chat import ChatFormat
from training.objectives.aligned_teacher import AlignedTeacher, teacher_prompts
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import encode, micro_batches

MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "r"), ("Ã", "©")]

RECORDS = [
    TrainingRecord(
        id=str(number),
        messages=(Message(role="user", content=f"how many {number}?"),),
        completion=completion,
        strategy="alignment",
    )
    for number, completion in enumerate(["the other one", "then there", "in the end #### 4"])
]


def aligned(teacher, student, **settings):
    prompts = teacher_prompts(RECORDS, student.chat, teacher.chat)
    return AlignedTeacher(teacher, student, prompts, Training(kd_weight=1.0, **settings))


def batch_of(student):
    (batch,) = micro_batches(encode(RECORDS, student.chat, max_tokens=99), 999)
    return batch


def logits_of(local, batch):
    with torch.no_grad():
        return local.model(batch.tokens).logits[batch.predicts]


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_with_one_tokenizer_alignment_is_ordinary_distillation(beta):
    student, teacher = make_local(make_tokenizer(), seed=1), make_local(make_tokenizer(), seed=2)
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


def test_the_distance_vanishes_for_the_same_model_and_never_becomes_negative():
    student = make_local(byte_level_tokenizer(MERGES), seed=1)
    batch = batch_of(student)
    whole = slice(0, len(batch.targets))
    same = aligned(student, student).loss_of(batch)(logits_of(student, batch), whole)
    torch.testing.assert_close(same, torch.tensor(0.0), atol=1e-5, rtol=0)
    other = make_local(make_tokenizer(), seed=2)
    assert aligned(other, student).loss_of(batch)(logits_of(student, batch), whole) > 0.1


def test_each_shared_boundary_is_compared_and_no_other():
    student = make_local(byte_level_tokenizer(MERGES), seed=1)
    teacher = make_local(make_tokenizer(), seed=2)
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
    student, teacher = (
        make_local(byte_level_tokenizer(MERGES), seed=1),
        make_local(make_tokenizer(), seed=2),
    )
    batch = batch_of(student)
    ours, count = logits_of(student, batch), len(batch.targets)
    loss = aligned(teacher, student).loss_of(batch)
    parts = sum(
        loss(ours[start : start + 5], slice(start, start + 5)) for start in range(0, count, 5)
    )
    torch.testing.assert_close(parts, loss(ours, slice(0, count)))


def test_gradients_across_tokenizers_are_right():
    student, teacher = (
        make_local(byte_level_tokenizer(MERGES), seed=1),
        make_local(make_tokenizer(), seed=2),
    )
    (batch,) = micro_batches(encode(RECORDS[1:2], student.chat, max_tokens=99), 999)
    rows = slice(0, len(batch.targets))
    loss = aligned(teacher, student, jsd_beta=0.3).loss_of(batch)
    scores = logits_of(student, batch).double()[:, :60].requires_grad_()
    padding = torch.full((len(scores), student.vocabulary_size - 60), -9.0, dtype=torch.double)
    assert gradcheck(lambda x: loss(torch.cat([x, padding], 1), rows), (scores,))


def test_vocabularies_without_anything_in_common_are_refused_with_the_fallback_named():
    student = make_local(make_tokenizer(CHARACTERS[:26]), seed=1)
    teacher = make_local(make_tokenizer([*CHARACTERS[26:52], "?"]), seed=2)
    with pytest.raises(IncompatibleVocabulary, match=r"Set training\.kd_weight to 0"):
        aligned(teacher, student)


def test_a_teacher_that_changes_every_text_is_refused():
    student = make_local(byte_level_tokenizer(MERGES), seed=1)
    teacher = make_local(make_tokenizer([c for c in CHARACTERS if c != "e"]), seed=2)
    examples = encode(RECORDS, student.chat, max_tokens=99)
    with pytest.raises(IncompatibleVocabulary, match="changes the text of all 3 examples"):
        aligned(teacher, student).require_alignment(examples)


def test_the_students_own_samples_are_not_kept_for_a_second_reading():
    student, teacher = (
        make_local(make_tokenizer(), seed=1),
        make_local(byte_level_tokenizer(MERGES), seed=2),
    )
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


@pytest.mark.parametrize(("theirs", "kept"), [("HERMES", 2), ("TAGS", 1), ("DEAF", 1)])
def test_a_teacher_is_not_asked_about_calls_that_it_would_write_otherwise(theirs, kept):
    calling = RECORDS[0].model_copy(update={"tools": (WEATHER,), "tool_calls": (OSLO,)})
    student = ChatFormat(tool_tokenizer(tool_templates.HERMES))
    teacher = ChatFormat(tool_tokenizer(getattr(tool_templates, theirs)))
    assert len(teacher_prompts([calling, RECORDS[1]], student, teacher)) == kept
