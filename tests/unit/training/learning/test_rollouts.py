"""A student's samples, their rewards and advantages."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import NamedTool, calls_text
from stratos.contracts.records import TrainingRecord
from stratos.spec import Reinforcement, ToolCalls
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, QUESTION, WEATHER, calling_model
from tests.unit.training.tiny_rollouts import BEGINS_EARLY, make_questions, make_student
from training.judging.judge import Judge
from training.learning.rollouts import (
    Question,
    RolloutSampler,
    group_advantages,
    read_questions,
    set_aside,
)
from training.models.chat import Dialogue
from training.student.student import Student

rewards = st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4)


@given(st.lists(rewards, min_size=1, max_size=5))
def test_advantages_are_relative_to_the_group(groups):
    found = group_advantages(torch.tensor(groups))
    for group, advantages in zip(groups, found, strict=True):
        if len(set(group)) == 1:
            assert not advantages.any()
            continue
        assert float(advantages.mean()) == pytest.approx(0.0, abs=1e-6)
        assert float(advantages.std(correction=0)) == pytest.approx(1.0, rel=1e-5)
        assert ((advantages > 0) == (torch.tensor(group) > 0.5)).all()


def test_samples_follow_from_the_seed_and_the_step():
    student = make_student()
    settings = Reinforcement(questions=4, samples=4, max_new_tokens=3)
    sampler = RolloutSampler(student, BEGINS_EARLY, settings, 0, 64)
    questions = make_questions(student)

    def drawn(step):
        rollout = sampler.draw(questions, step, 400, lambda: False)
        return [batch.tokens.tolist() for batch in rollout.batches], rollout.advantages

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert sampler.draw(questions, 3, 400, lambda: True) is None


def test_samples_end_with_the_token_that_the_student_chose():
    student = make_student()
    student.local.chat.eos = ends = frozenset(range(1, 60))
    settings = Reinforcement(questions=8, samples=8, max_new_tokens=3, kl_weight=0.1)
    sampler = RolloutSampler(student, BEGINS_EARLY, settings, 0, 64)
    rollout = sampler.draw(make_questions(student), 0, 10_000, lambda: False)
    last = {
        int(row[predicts].tolist()[-1])
        for batch in rollout.batches
        for row, predicts in zip(batch.tokens.roll(-1, dims=1), batch.predicts, strict=True)
    }
    assert len(last & ends) > 1


def test_questions_too_long_to_be_answered_are_not_asked():
    student = make_student()
    questions = make_questions(student, 20)
    shortest = min(len(question.prompt) for question in questions)
    kept = make_questions(student, 20, shortest)
    assert len(kept) == 10
    assert {len(question.prompt) for question in kept} == {shortest}


def test_questions_that_no_record_taught_are_set_aside_first():
    questions = make_questions(make_student())
    unseen = {tuple(questions[index].prompt) for index in (5, 17, 30)}
    learned, aside = set_aside(questions, unseen, 0)
    assert len(aside) == 8
    assert len(learned) == 32
    assert unseen <= {tuple(question.prompt) for question in aside}


@pytest.mark.parametrize("choice", [None, "required", NamedTool(name=WEATHER.name)])
def test_the_calls_of_a_sample_are_what_is_rewarded(choice):
    student = Student(calling_model(tool_templates.HERMES), "full", "float32", 4, 0)
    judge = Judge(ToolCalls(kind="tool_call"), "####")
    records = [
        TrainingRecord(
            id=str(number),
            messages=(QUESTION,),
            tools=tools,
            tool_choice=choice,
            completion="",
            answer=calls_text(calls),
            strategy="alignment",
        )
        for number, (tools, calls) in enumerate([((WEATHER,), [OSLO]), ((WEATHER,), [OSLO] * 2)])
    ]
    questions = read_questions(records, student, judge, 900)
    opening = student.local.chat.opening(Dialogue((QUESTION,), (WEATHER,)))
    assert [question.begun for question in questions] == [opening if choice else []] * 2
    sampler = RolloutSampler(student, judge, Reinforcement(max_new_tokens=120), 0, 4)
    assert sampler.accuracy(questions, lambda: False) == 0.5


def test_where_a_call_is_required_a_sample_begins_with_one_that_it_does_not_learn():
    student = make_student()
    begun = [Question([8, 9, number], None, begun=[70, 71]) for number in range(10, 20)]
    settings = Reinforcement(samples=4, questions=10, max_new_tokens=12, kl_weight=0.1)
    rollout = RolloutSampler(student, BEGINS_EARLY, settings, 0, 8).draw(
        begun, 0, 200, lambda: False
    )
    for batch in rollout.batches:
        for row, predicts in zip(batch.tokens, batch.predicts, strict=True):
            assert row[3:5].tolist() == [70, 71]
            assert int(predicts.nonzero().min()) == 4
