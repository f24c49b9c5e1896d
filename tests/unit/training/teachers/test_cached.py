from dataclasses import replace

import pytest

from stratos.contracts.messages import NamedTool
from stratos.errors import BudgetExhausted
from tests.unit.training.calling_models import OSLO, WEATHER
from tests.unit.training.fakes import ScriptedTeacher, answer_all, ask
from training.models.chat import ModelReply
from training.teachers.cached import CachedTeacher
from training.teachers.metering import Prices
from training.teachers.service import ServiceTeacher
from training.teachers.teacher import Completion, ModelUsage


def test_nothing_is_asked_twice_even_after_a_kill(tmp_path):
    path = tmp_path / "completions.jsonl"
    requests = [ask("a"), ask("b"), ask("a"), ask("a", sample=1, temperature=0.7)]
    first = ScriptedTeacher(lambda request: f"to {request.messages[0].content}")
    told = []
    completions = CachedTeacher(first, path).generate(
        requests, stop=lambda: False, on_answer=lambda index, _: told.append(index)
    )
    assert [one.text for one in completions] == ["to a", "to b", "to a", "to a"]
    assert len(first.asked) == 3
    assert sorted(told) == [0, 1, 2, 3]

    path.write_text(path.read_text()[:-20])
    second = ScriptedTeacher(lambda _: "again")
    resumed = CachedTeacher(second, path)
    completions = answer_all(resumed, requests)
    assert [one.text for one in completions] == ["to a", "to b", "to a", "again"]
    assert len(second.asked) == 1
    assert resumed.usage.calls == 3


def test_what_an_earlier_attempt_spent_counts_against_the_budget(tmp_path):
    class Paid:
        name, prices = "paid", Prices(output_usd=1e6)

        def call(self, request):
            return Completion("x", True, 1, 4, usd=4.0)

    def open_again():
        return CachedTeacher(ServiceTeacher(Paid(), budget_usd=20.0), tmp_path / "c.jsonl")

    answer_all(open_again(), [ask("a")])
    resumed = open_again()
    assert resumed.usage.usd == 4.0
    assert resumed.usage.tokens_per_second == 0.0
    completions = answer_all(resumed, [ask("b"), ask("c")])
    assert [one is not None for one in completions] == [True, False]


def test_kept_answers_are_given_where_there_is_no_money_for_others(tmp_path):
    class Broke:
        name, usage = "scripted", ModelUsage()

        def generate(self, requests, *, stop, on_answer):
            raise BudgetExhausted("no money")

    path = tmp_path / "c.jsonl"
    answer_all(CachedTeacher(ScriptedTeacher(lambda _: "kept"), path), [ask("a")])
    broke = CachedTeacher(Broke(), path)
    found, missing = answer_all(broke, [ask("a"), ask("b")])
    assert (found.text, missing) == ("kept", None)
    with pytest.raises(BudgetExhausted):
        answer_all(broke, [ask("b")])


def test_calls_are_kept_and_tools_tell_requests_apart(tmp_path):
    path = tmp_path / "completions.jsonl"
    plain = ask("a")
    offered = replace(plain, tools=(WEATHER,))
    demanded = replace(offered, tool_choice=NamedTool(name="weather"))
    first = ScriptedTeacher(lambda request: ModelReply("", (OSLO,)) if request.tools else "to a")
    given = answer_all(CachedTeacher(first, path), [plain, offered, demanded, offered])
    assert [len(one.tool_calls) for one in given] == [0, 1, 1, 1]
    assert len(first.asked) == 3
    assert ["tool_calls" in line for line in path.read_text().splitlines()] == [False, True, True]
    second = ScriptedTeacher(lambda _: "again")
    assert answer_all(CachedTeacher(second, path), [plain, offered, demanded, offered]) == given
    assert second.asked == []
