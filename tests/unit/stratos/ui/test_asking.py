"""Who can be asked about a run, why not, and what they say."""

from __future__ import annotations

import io
import json
import urllib.error

import pytest

from stratos.cli.runs import find_run
from stratos.errors import NotAllowed
from stratos.hosting.chat_request import Said
from stratos.ui.asking import Askable, askable, put
from stratos.ui.settings import UiSettings
from tests import factories
from tests.summaries import succeeded_run
from tests.ui_runs import FINISHED, RUNNING

BEDROCK = {"kind": "bedrock", "model_id": "teacher"}
OPENAI = {"kind": "openai", "base_url": "https://api.example.com/v1", "model": "teacher"}


def who(stack, run_id=FINISHED, teacher=None, **settings):
    """Each of those who may be asked, by what they are."""
    sections = {} if teacher is None else {"teachers": [teacher]}
    found = askable(
        stack,
        find_run(stack, run_id),
        succeeded_run(run_id=run_id),
        factories.spec(**sections),
        UiSettings(**settings),
    )
    return {one.who: one for one in found}


@pytest.mark.usefixtures("states")
def test_an_endpoint_that_is_always_on_is_asked_for_nothing_more(stack, monkeypatch):
    monkeypatch.setattr("stratos.ui.asking.invoke", lambda *asked: Said(f"{asked[2:]}"))
    one = who(stack)["endpoint"]
    assert (one.why_not, one.costs) == (None, None)
    answer = put(one, "q", 7, confirmed=False)
    assert (answer.text, answer.failed, answer.finished) == ("('q', 7)", None, True)


@pytest.mark.usefixtures("states")
def test_a_model_of_other_regions_is_asked_without_looking_for_it_at_home(stack, monkeypatch):
    monkeypatch.setattr("stratos.ui.asking.invoke", lambda *asked: Said("there"))
    row = find_run(stack, FINISHED).model_copy(update={"serving_regions": ("eu-west-1",)})
    [one, *_] = askable(stack, row, succeeded_run(run_id=FINISHED), None, UiSettings())
    assert one.name.endswith("in eu-west-1")
    assert put(one, "q", 7, confirmed=False).text == "there"


@pytest.mark.usefixtures("states")
def test_what_cannot_be_asked_says_why_and_what_to_do(stack):
    found = who(stack, RUNNING)
    assert "none in service" in found["endpoint"].why_not
    assert "--teacher-url" in found["teacher"].why_not
    assert "stratos serve" in found["untuned"].why_not
    assert "--untuned-url" in put(found["untuned"], "q", 7, confirmed=True).failed


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize(
    ("teacher", "told"), [(OPENAI, "its key"), ({"kind": "logs"}, "nothing serves it")]
)
def test_a_teacher_that_is_out_of_reach_says_why(stack, teacher, told):
    assert told in who(stack, teacher=teacher)["teacher"].why_not


@pytest.mark.usefixtures("states")
def test_bedrock_is_asked_only_by_who_agrees_to_pay(stack, monkeypatch):
    asked = []

    class Runtime:
        def converse(self, **request):
            asked.append(request)
            content = [{"reasoningContent": {}}, {"text": "an answer"}]
            return {"output": {"message": {"content": content}}, "stopReason": "max_tokens"}

    monkeypatch.setattr("stratos.ui.asking.client", lambda name, **_: Runtime())
    one = who(stack, teacher=BEDROCK)["teacher"]
    with pytest.raises(NotAllowed, match="bills your account"):
        put(one, "q", 7, confirmed=False)
    assert asked == []
    answer = put(one, "q", 7, confirmed=True)
    assert (answer.text, answer.finished) == ("an answer", False)
    assert asked[0]["inferenceConfig"]["maxTokens"] == 7


@pytest.mark.usefixtures("states")
def test_a_server_is_asked_for_the_model_that_it_has(stack, monkeypatch):
    sent = []

    def fetch(request, timeout):
        sent.append((request.full_url, request.data))
        if request.full_url.endswith("/models"):
            return io.BytesIO(b'{"data": [{"id": "its name"}]}')
        said = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
        return io.BytesIO(json.dumps(said).encode())

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    one = who(stack, untuned_url="http://127.0.0.1:9/v1/")["untuned"]
    assert put(one, "q", 7, confirmed=False).text == "hello"
    assert [url for url, _ in sent] == [
        "http://127.0.0.1:9/v1/models",
        "http://127.0.0.1:9/v1/chat/completions",
    ]
    body = json.loads(sent[1][1])
    assert (body["model"], body["messages"][0]["content"]) == ("its name", "q")


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize("answer", [urllib.error.URLError("refused"), b"<html>", b"[]", b"{}"])
def test_a_server_that_does_not_answer_is_an_answer_that_failed(stack, monkeypatch, answer):
    def fetch(request, timeout):
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr("urllib.request.urlopen", fetch)
    one = who(stack, teacher_url="http://127.0.0.1:9/v1")["teacher"]
    assert put(one, "q", 7, confirmed=False).failed


def test_whatever_goes_wrong_while_asking_is_shown():
    def fail(question, max_tokens):
        raise RuntimeError("the engine fell over")

    answer = put(Askable("endpoint", "Endpoint", "e", fail), "q", 7, confirmed=False)
    assert answer.failed == "RuntimeError: the engine fell over"
