"""A URL that speaks OpenAI's schema, behind a server that misbehaves."""

import pytest

from stratos.contracts.messages import Message
from stratos.errors import TeacherFailed
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.misbehaving_server import chat_completion, hung_up, reply, truncated
from training.teachers.teacher import Request


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
