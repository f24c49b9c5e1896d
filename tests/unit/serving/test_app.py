"""The HTTP face, over a real socket."""

import json
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CHAT = "/v1/chat/completions"


def ask(text: str, **options: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 8, **options}


def test_ping_says_the_engine_is_alive(client):
    assert client.get("/ping").status_code == 200


def test_invocations_and_the_openai_path_give_the_same_answer(client):
    one = client.post("/invocations", json=ask("hello")).json()
    other = client.post(CHAT, json=ask("hello")).json()
    assert one["choices"] == other["choices"]
    assert one["usage"]["prompt_tokens"] == len("hello") + 3
    assert one["usage"]["total_tokens"] == sum(
        one["usage"][k] for k in ("prompt_tokens", "completion_tokens")
    )


def test_in_a_batch_what_is_refused_for_good_is_an_answer_and_what_may_pass_is_not(serve):
    with serve(refusals_as_answers=True, num_slots=1, max_waiting=1) as (client, engine):
        refused = client.post("/invocations", json={"text": "a"})
        assert refused.status_code == 200
        assert "neither `messages`" in refused.json()["error"]["message"]
        assert "\n" not in refused.text
        assert client.post("/invocations", json=ask("a")).json()["choices"]
        assert client.get("/absent").status_code == 404
        assert engine.drain(10)
        assert client.post("/invocations", json=ask("a")).status_code == 503


def test_a_plain_question_gets_the_text_a_chat_gets(client):
    chat = client.post("/invocations", json=ask("abc")).json()
    body = {"inputs": ["abc", "abc"], "parameters": {"max_new_tokens": 8}}
    plain = client.post("/invocations", json=body).json()
    assert [row["generated_text"] for row in plain] == [
        chat["choices"][0]["message"]["content"]
    ] * 2


def test_streamed_pieces_join_to_the_whole_answer(client):
    whole = client.post(CHAT, json=ask("stream me", max_tokens=30)).json()
    body = ask("stream me", max_tokens=30, stream=True, stream_options={"include_usage": True})
    with client.stream("POST", CHAT, json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in response.iter_lines() if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"]


def test_a_stop_sequence_ends_the_answer_before_it(client):
    whole = client.post(CHAT, json=ask("x", max_tokens=40)).json()
    text = whole["choices"][0]["message"]["content"]
    stop = next(c for c in text[3:] if c.isascii())
    cut = client.post(CHAT, json=ask("x", max_tokens=40, stop=stop)).json()
    assert cut["choices"][0]["message"]["content"] == text[: text.index(stop)]
    assert cut["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 400, "JSON object"),
        (b"{}", 400, "neither `messages`"),
        (b'{"messages": []}', 400, "messages"),
        (b'{"messages": [{"role": "king", "content": "x"}]}', 400, "role"),
        (json.dumps(ask("x", temperature=9)).encode(), 400, "temperature"),
        (json.dumps(ask("x", n=2)).encode(), 400, "n"),
        (json.dumps(ask("x" * 500)).encode(), 400, "exceed the context of 128"),
        (b"[" * 100_000, 400, "not JSON"),
        (b"x" * (6 * 1024 * 1024 + 1), 413, "exceeds"),
    ],
)
def test_a_bad_request_gets_one_clear_error(client, body, status, says):
    response = client.post("/invocations", content=body)
    assert response.status_code == status
    assert says in response.json()["error"]["message"]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["messages", "inputs", "role", "content", "stop", "max_tokens", "n"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_makes_the_server_fail(client, body):
    assert client.post("/invocations", json=body).status_code < 500


def test_an_overloaded_server_says_when_to_come_back(serve):
    with serve(num_slots=1, max_waiting=1) as (client, engine):
        held = threading.Event()
        original = engine.model.lm_head.forward
        engine.model.lm_head.forward = lambda x: (held.wait(30), original(x))[1]
        try:
            asks = [
                threading.Thread(target=client.post, args=(CHAT,), kwargs={"json": ask("a")})
                for _ in range(2)
            ]
            for thread in asks:
                thread.start()
                while not (engine.load.active or engine.load.waiting):
                    time.sleep(0.005)
            while engine.load.waiting < 1:
                time.sleep(0.005)
            refused = client.post(CHAT, json=ask("a"))
        finally:
            held.set()
            engine.model.lm_head.forward = original
        for thread in asks:
            thread.join(30)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"


def test_metrics_count_what_was_answered(client):
    def answered() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if "requests_total{" in line)

    before = answered()
    client.post(CHAT, json=ask("count me"))
    assert answered() == before + 1
