import pytest

from stratos.errors import BudgetExhausted, TeacherFailed
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.misbehaving_server import reply
from training.teachers.service import Patience


def test_a_service_that_refuses_everything_fails(server, open_teacher):
    questions = [str(number) for number in range(60)]
    server.behaviours = {one: [reply("no", 422)] for one in questions}
    with pytest.raises(TeacherFailed, match="refused 20 requests in a row"):
        answer_all(open_teacher(), [ask(one) for one in questions])
    assert len(server.seen) < 40


def test_tokens_and_dollars_are_counted(open_teacher):
    teacher = open_teacher(input_usd_per_million_tokens=2.0, output_usd_per_million_tokens=10.0)
    answer_all(teacher, [ask("a"), ask("b")])
    assert (teacher.usage.prompt_tokens, teacher.usage.completion_tokens) == (20, 6)
    assert teacher.usage.usd == pytest.approx((20 * 2.0 + 6 * 10.0) / 1e6)


def test_spending_never_exceeds_the_budget(server, open_teacher):
    prices = {"output_usd_per_million_tokens": 1e6}
    teacher = open_teacher(budget_usd=40.0, **prices)
    completions = answer_all(teacher, [ask(f"question {number}") for number in range(60)])
    answered = sum(one is not None for one in completions)
    # An answer costs $4; a call is made only while $16, the most it can cost, are left.
    assert answered == 7
    assert teacher.usage.usd == 28.0
    assert len(server.seen) == 7


def test_no_money_for_one_call_is_an_error(open_teacher):
    teacher = open_teacher(budget_usd=1.0, output_usd_per_million_tokens=1e6)
    with pytest.raises(BudgetExhausted, match=r"0 of 1 requests .* the budget of \$1.0000"):
        answer_all(teacher, [ask("q")])


def test_stopping_ends_asking(server, open_teacher):
    done = []
    teacher = open_teacher()
    completions = teacher.generate(
        [ask(str(number)) for number in range(50)],
        stop=lambda: len(done) >= 5,
        on_answer=lambda index, _: done.append(index),
    )
    assert 5 <= sum(one is not None for one in completions) <= 5 + 4


def test_pauses_grow_are_capped_and_heed_the_service():
    patience = Patience(base_seconds=1.0, max_seconds=8.0)
    for attempt in range(10):
        assert 0 <= patience.pause(attempt, None) <= min(8.0, 2.0**attempt)
    assert patience.pause(0, 5.0) >= 5.0
    assert patience.pause(0, 3600.0) == 8.0
