import pytest

from stratos.contracts.records import Message
from stratos.errors import BudgetExhausted, TeacherFailed
from stratos.spec import OpenAICompatible
from tests.unit.training.fakes import ScriptedTeacher
from tests.unit.training.misbehaving_server import (
    MisbehavingServer,
    chat_completion,
    hung_up,
    reply,
    truncated,
)
from training.teachers.cached import CachedTeacher
from training.teachers.openai import OpenAIService
from training.teachers.service import Patience, Prices, ServiceTeacher
from training.teachers.teacher import Completion, ModelUsage, Request

QUICK = Patience(attempts=4, base_seconds=0.001, max_seconds=0.002)


def ask(content, **settings):
    return Request((Message(role="user", content=content),), max_new_tokens=16, **settings)


def answer_all(teacher, requests, stop=lambda: False):
    return teacher.generate(requests, stop=stop, on_answer=lambda *_: None)


@pytest.fixture
def server():
    return MisbehavingServer()


@pytest.fixture
def open_teacher(server):
    """Return what opens a teacher on the running server."""
    services = []
    with server.running() as base_url:

        def open_with(key="secret-key", budget_usd=None, timeout_seconds=5.0, **prices):
            spec = OpenAICompatible(kind="openai", base_url=base_url, model="m", **prices)
            services.append(OpenAIService(spec, key, timeout_seconds=timeout_seconds))
            return ServiceTeacher(
                services[-1], budget_usd=budget_usd, concurrency=4, patience=QUICK
            )

        yield open_with
    for service in services:
        service.close()


def test_a_request_says_what_the_schema_wants(server, open_teacher):
    teacher = open_teacher()
    asked = Request(
        (Message(role="system", content="be brief"), Message(role="user", content="hi")),
        max_new_tokens=7,
        temperature=0.7,
        sample=2,
    )
    answer_all(teacher, [asked])
    body, headers = server.seen[0]
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 7,
        "temperature": 0.7,
        "seed": 2,
    }
    assert headers["Authorization"] == "Bearer secret-key"


def test_every_misbehaviour_is_outlasted(server, open_teacher):
    server.behaviours = {
        "limited": [reply("slow down", 429, Retry_After="0.001"), reply("again", 429)],
        "broken": [reply("oops", 500), reply("bad gateway", 502), reply("", 503)],
        "truncated": [truncated],
        "hung up": [hung_up],
        "malformed": [reply('{"choices": '), reply("<html>"), reply({"choices": []})],
        "no text": [reply({"choices": [{"message": {"content": None}}], "usage": {}})],
    }
    teacher = open_teacher()
    questions = [*server.behaviours, "well"]
    completions = answer_all(teacher, [ask(question) for question in questions])
    assert [one.text for one in completions] == [f"answer to {one}" for one in questions]
    assert teacher.usage.calls == len(questions)
    assert len(server.seen) == 2 + 3 + 1 + 1 + 3 + 1 + len(questions)


def test_a_slow_answer_is_asked_for_again(server, open_teacher):
    server.behaviours = {"slow": [server.slow]}
    (completion,) = answer_all(open_teacher(timeout_seconds=0.2), [ask("slow")])
    assert completion.text == "answer to slow"


def test_an_answer_cut_at_its_limit_is_unfinished(server, open_teacher):
    server.behaviours = {"long": [reply(chat_completion("and so on", finish_reason="length"))]}
    (completion,) = answer_all(open_teacher(), [ask("long")])
    assert not completion.finished


def test_one_refused_request_leaves_the_others(server, open_teacher):
    server.behaviours = {
        "bad": [reply("context too long", 400)],
        "filtered": [reply(chat_completion("", finish_reason="content_filter"))],
        "never": [reply("oops", 500)] * 9,
    }
    completions = answer_all(
        open_teacher(), [ask(one) for one in ("bad", "fine", "filtered", "never")]
    )
    assert [one and one.text for one in completions] == [None, "answer to fine", None, None]


def test_a_wrong_key_fails_at_once(server, open_teacher):
    server.behaviours = {"q": [reply("invalid api key", 401)] * 4}
    with pytest.raises(TeacherFailed, match=r"HTTP 401 .* Check base_url, model and the secret"):
        answer_all(open_teacher(), [ask("q")])
    assert len(server.seen) == 1


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
