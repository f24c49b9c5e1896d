"""A URL that speaks OpenAI's schema, behind a server that misbehaves."""

from datetime import UTC, datetime

import pytest

from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall, openai_tool
from stratos.errors import TeacherFailed
from stratos.spec import OpenAICompatible
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.misbehaving_server import (
    chat_completion,
    flood,
    hung_up,
    reply,
    says,
    truncated,
)
from training.teachers.openai import OpenAIService, authorisation, completions_url
from training.teachers.service import Busy
from training.teachers.teacher import Request

WEATHER = Tool(
    name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)


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
    }
    teacher = open_teacher()
    questions = [*server.behaviours, "well"]
    completions = answer_all(teacher, [ask(question) for question in questions])
    assert [one.text for one in completions] == [f"answer to {one}" for one in questions]
    assert teacher.usage.calls == len(questions)
    assert len(server.seen) == 2 + 3 + 1 + 1 + 3 + len(questions)


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


def called(arguments, name="weather"):
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("message", "finish_reason", "text", "finished"),
    [
        ({"content": None}, "length", "", False),
        ({"content": "and so"}, "length", "and so", False),
        ({"content": None}, "stop", "", True),
        ({}, None, "", True),
        ({"content": ""}, "stop", "", True),
        ({"content": None, "refusal": "I cannot help with that"}, "stop", "", True),
        ({"content": None, "tool_calls": [called("{}")]}, "tool_calls", "", True),
        ({"content": []}, "stop", "", True),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, "stop", "", True),
    ],
)
def test_a_useless_answer_is_counted_and_not_bought_again(
    server, open_teacher, message, finish_reason, text, finished
):
    server.behaviours = {"q": [reply(says(message, finish_reason))]}
    teacher = open_teacher(output_usd_per_million_tokens=1e6)
    (completion,) = answer_all(teacher, [ask("q")])
    assert (completion.text, completion.finished) == (text, finished)
    assert completion.tool_calls == ()
    assert len(server.seen) == 1
    assert (teacher.usage.calls, teacher.usage.prompt_tokens, teacher.usage.usd) == (1, 10, 3.0)


@pytest.mark.parametrize(
    ("message", "text", "thinking"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", ""),
        ({"content": "42", "reasoning_content": "6 by 7"}, "42", "6 by 7"),
        ({"content": "42", "reasoning": "6 by 7"}, "42", "6 by 7"),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "6 by 7"}]},
                    {"type": "text", "text": "42"},
                ]
            },
            "42",
            "6 by 7",
        ),
        ({"content": "<think>6 by 7</think>42"}, "<think>6 by 7</think>42", ""),
        ({"content": "half a \ud83d"}, "half a ?", ""),
        ({"content": "whole \U0001f600"}, "whole \U0001f600", ""),
    ],
)
def test_text_is_found_in_parts_and_beside_thinking(server, open_teacher, message, text, thinking):
    server.behaviours = {"q": [reply(says(message))]}
    (completion,) = answer_all(open_teacher(), [ask("q")])
    assert (completion.text, completion.thinking) == (text, thinking)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": -50, "completion_tokens": -7}, {"prompt_tokens": "many"}, [1]],
)
def test_usage_that_cannot_be_is_counted_as_a_bound_and_said_once(
    server, open_teacher, usage, caplog
):
    said = says({"content": "six words are in this one"}) | {"usage": usage}
    server.behaviours = {"a": [reply(said)], "b": [reply(said)]}
    teacher = open_teacher(output_usd_per_million_tokens=1.0)
    answer_all(teacher, [ask("a"), ask("b")])
    assert teacher.usage.prompt_tokens >= 2 * 1
    assert 2 * 6 <= teacher.usage.completion_tokens <= 2 * 16
    assert teacher.usage.usd == pytest.approx(teacher.usage.completion_tokens / 1e6)
    assert caplog.text.count("reports no usable numbers") == 1


def test_a_cut_answer_without_usage_is_counted_at_its_limit(server, open_teacher):
    server.behaviours = {"q": [reply(says({"content": "a"}, "length") | {"usage": None})]}
    teacher = open_teacher()
    answer_all(teacher, [ask("q")])
    assert teacher.usage.completion_tokens == 16


@pytest.mark.parametrize(
    "status",
    [
        says({"content": "withheld"}, "content_filter"),
        says({"content": 7}),
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}},
    ],
)
def test_what_is_no_answer_is_paid_for_all_the_same(server, open_teacher, status):
    server.behaviours = {"q": [reply(status)] * 9}
    teacher = open_teacher(output_usd_per_million_tokens=1e6, budget_usd=20.0)
    assert answer_all(teacher, [ask("q")]) == [None]
    assert teacher.usage.calls == 0
    assert teacher.usage.usd == 3.0 * len(server.seen)
    # A call can cost $16: after the second of $3 there is no money for a third.
    assert len(server.seen) <= 2


def test_an_error_of_the_service_costs_nothing(server, open_teacher):
    server.behaviours = {"q": [reply("oops", 500), reply({"error": "later"}), reply("<html>")]}
    teacher = open_teacher()
    answer_all(teacher, [ask("q")])
    assert (teacher.usage.calls, teacher.usage.prompt_tokens) == (1, 10)


@pytest.mark.parametrize("behaviour", ["drip", "drip_headers"])
def test_a_reply_that_drips_ends_with_its_time(server, open_teacher, behaviour):
    server.behaviours = {"slow": [getattr(server, behaviour)]}
    (completion,) = answer_all(open_teacher(timeout_seconds=0.3), [ask("slow")])
    assert completion.text == "answer to slow"
    assert server.dripped.is_set()


@pytest.mark.parametrize("behaviour", ["drip", "drip_headers", "slow"])
def test_a_stop_ends_calls_under_way(server, open_teacher, behaviour):
    server.behaviours = {"slow": [getattr(server, behaviour)] * 9}
    teacher = open_teacher(timeout_seconds=3600.0)
    assert answer_all(teacher, [ask("slow")], stop=lambda: bool(server.seen)) == [None]
    assert len(server.seen) == 1


def test_a_body_without_end_is_not_read_on(server, open_teacher):
    server.behaviours = {"flood": [flood]}
    teacher = open_teacher(max_bytes=100_000)
    assert answer_all(teacher, [ask("flood")]) == [None]
    assert len(server.seen) == 1
    assert teacher.usage.completion_tokens == 16


def refusal(message, param=None, code=None, status=400):
    return reply({"error": {"message": message, "param": param, "code": code}}, status)


OLD_NAME = refusal(
    "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    "max_tokens",
    "unsupported_parameter",
)
FIXED = refusal(
    "Unsupported value: 'temperature' does not support 0.7 with this model. "
    "Only the default (1) value is supported.",
    "temperature",
    "unsupported_value",
)
NO_SEED = reply(
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs"}]}, 422
)


def test_refused_parameters_are_mended_once_and_remembered(server, open_teacher, caplog):
    server.behaviours = {"a": [OLD_NAME, FIXED, NO_SEED]}
    teacher = open_teacher(concurrency=1)
    questions = [ask(one, temperature=0.7, sample=3) for one in ("a", "b")]
    assert [one.text for one in answer_all(teacher, questions)] == ["answer to a", "answer to b"]
    assert [one.text for one in answer_all(teacher, [ask("c")])] == ["answer to c"]
    sent = [set(body) - {"model", "messages"} for body, _ in server.seen]
    assert sent == [
        {"max_tokens", "temperature", "seed"},
        {"max_completion_tokens", "temperature", "seed"},
        {"max_completion_tokens", "seed"},
        *[{"max_completion_tokens"}] * 3,
    ]
    assert caplog.text.count("from now on") == 3


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens "
        "(1000 in the messages, 8000 in the completion). Please reduce max_tokens.",
        "max_tokens is too large: 16. This model supports at most 4 completion tokens",
    ],
)
def test_a_limit_of_the_model_is_no_refused_parameter(server, open_teacher, message):
    server.behaviours = {"q": [refusal(message, "max_tokens")]}
    assert answer_all(open_teacher(), [ask("q")]) == [None]
    assert len(server.seen) == 1


def test_an_account_without_money_fails_at_once(server, open_teacher):
    server.behaviours = {"q": [refusal("You exceeded", None, "insufficient_quota", 429)] * 9}
    with pytest.raises(TeacherFailed, match=r"insufficient_quota.* may not spend more"):
        answer_all(open_teacher(), [ask("q")])
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "Sun, 29 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry_After": "Sun, 29 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry_After_Ms": "250", "Retry_After": "1"}, 0.25),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_a_service_asks_to_wait(server, headers, seconds):
    server.behaviours = {"q": [reply("slow down", 429, **headers)]}
    noon = datetime(2026, 11, 29, 12, tzinfo=UTC)
    with server.running() as base_url:
        spec = OpenAICompatible(kind="openai", base_url=base_url, model="m")
        with pytest.raises(Busy) as caught:
            OpenAIService(spec, None, now=lambda: noon).call(ask("q"))
    assert caught.value.retry_after == seconds


def test_a_query_in_the_base_url_stays_behind_the_path(server, open_teacher):
    teacher = open_teacher(below="{base}/deployments/big/?api-version=2024-10-21")
    assert answer_all(teacher, [ask("q")])[0].text == "answer to q"
    assert server.targets == ["/v1/deployments/big/chat/completions?api-version=2024-10-21"]


def test_azure_takes_a_key_in_a_header_of_its_own():
    azure = completions_url("https://us.openai.azure.com/openai/v1?x=1")
    assert azure.geturl() == "https://us.openai.azure.com/openai/v1/chat/completions?x=1"
    assert authorisation(azure, "k") == {"api-key": "k"}
    other = completions_url("https://api.example.com/v1/chat/completions")
    assert other.geturl() == "https://api.example.com/v1/chat/completions"
    assert authorisation(other, "k") == {"Authorization": "Bearer k"}


def test_tools_go_out_and_calls_come_back(server, open_teacher):
    said = {"content": None, "tool_calls": [called('{"city": "Oslo"}')]}
    server.behaviours = {"cloudy?": [reply(says(said, "tool_calls"))]}
    conversation = (
        Message(role="user", content="and Rome?"),
        Message(
            role="assistant",
            content="",
            tool_calls=(ToolCall(name="weather", arguments={"city": "Rome"}, id="c0"),),
        ),
        Message(role="tool", content="sunny", tool_call_id="c0"),
        Message(role="user", content="cloudy?"),
    )
    asked = Request(conversation, 16, tools=(WEATHER,), tool_choice=NamedTool(name="weather"))
    (completion,) = answer_all(open_teacher(), [asked])
    assert completion.text == ""
    (call,) = completion.tool_calls
    assert (call.name, call.arguments, call.id) == ("weather", {"city": "Oslo"}, "c1")
    body, _ = server.seen[0]
    assert body["tools"] == [openai_tool(WEATHER)]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Rome"}'
    assert body["messages"][2] == {"role": "tool", "content": "sunny", "tool_call_id": "c0"}


def test_a_call_that_was_forbidden_is_none(server, open_teacher):
    said = {"content": "Let me see.", "tool_calls": [called('{"city": "Oslo"}')]}
    server.behaviours = {"q": [reply(says(said, "tool_calls"))]}
    asked = ask("q", tools=(WEATHER,), tool_choice="none")
    (completion,) = answer_all(open_teacher(), [asked])
    assert (completion.text, completion.tool_calls) == ("Let me see.", ())


@pytest.mark.parametrize("arguments", ['{"city": "Os', "[1]", '"Oslo"', None])
def test_a_call_that_nothing_could_run_is_an_unfinished_answer(server, open_teacher, arguments):
    said = {"content": None, "tool_calls": [called(arguments)]}
    server.behaviours = {"q": [reply(says(said, "tool_calls"))]}
    (completion,) = answer_all(open_teacher(), [ask("q", tools=(WEATHER,))])
    whole = arguments is None
    assert completion.finished is whole
    assert len(completion.tool_calls) == whole
    assert len(server.seen) == 1
