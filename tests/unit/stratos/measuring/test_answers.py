"""Answers of an endpoint, each question counted once."""

from __future__ import annotations

from itertools import count

from stratos.measuring.answers import JudgedAnswers
from stratos.measuring.load import Reply
from tests.fakes import FakeClock

QUESTIONS = [f"question {number}" for number in range(10)]


def test_a_question_that_is_asked_again_counts_once_by_its_first_answer() -> None:
    asked = count()
    answers: JudgedAnswers[str] = JudgedAnswers(lambda question: Reply(1, next(asked) == 0))
    for _ in range(3):
        answers.ask(QUESTIONS[0])
    assert answers.accuracy is not None
    assert (answers.accuracy.n, answers.accuracy.successes) == (1, 1)


def test_the_rest_is_asked_each_once_and_failures_are_not_judged() -> None:
    asked: list[str] = []

    def ask(question: str) -> Reply:
        asked.append(question)
        if question == QUESTIONS[3]:
            raise ConnectionError("down")
        return Reply(1, correct=True)

    clock = FakeClock()
    answers = JudgedAnswers(ask)
    answers.ask(QUESTIONS[0])
    answers.ask_the_rest(QUESTIONS, 4, 60.0, clock)
    assert sorted(asked) == QUESTIONS
    assert answers.accuracy is not None
    assert answers.accuracy.n == 9


def test_no_question_leaves_after_the_time_is_over() -> None:
    clock, asked = FakeClock(), count()

    def ask(question: str) -> Reply:
        next(asked)
        clock.sleep_until(clock.now() + 30)
        return Reply(1, correct=True)

    seconds = JudgedAnswers(ask).ask_the_rest(QUESTIONS, 1, 60.0, clock)
    assert (next(asked), seconds) == (2, 60.0)


def test_what_no_rule_can_judge_has_no_accuracy() -> None:
    answers: JudgedAnswers[str] = JudgedAnswers(lambda question: Reply(1))
    answers.ask(QUESTIONS[0])
    assert answers.accuracy is None


def test_an_answer_that_comes_while_answers_are_counted_does_no_harm() -> None:
    late: JudgedAnswers[str]

    class Answered(dict[int, bool | None]):
        """Verdicts among which another one arrives while they are read."""

        def values(self):  # type: ignore[no-untyped-def]
            for verdict in dict.values(self):
                late.ask(QUESTIONS[len(self)])
                yield verdict

    late = JudgedAnswers(lambda question: Reply(1, correct=True))
    late.ask(QUESTIONS[0])
    late._verdicts = Answered(late._verdicts)
    assert late.accuracy is not None
    assert late.accuracy.n == 1
