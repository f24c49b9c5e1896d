"""The official client works against the server unchanged."""

import threading

import openai
import pytest

ASK = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def official(client):
    with openai.OpenAI(
        base_url=f"{client.base_url}/v1", api_key="unused", max_retries=0
    ) as official:
        yield official.chat.completions


def test_an_answer_with_its_usage(official):
    answer = official.create(model="tiny", messages=ASK, max_tokens=8)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens == len("hello") + 3
    assert 1 <= answer.usage.completion_tokens <= 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_models_are_listed(client):
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="unused") as official:
        assert [model.id for model in official.models.list()] == ["tiny"]


def test_a_stream_joins_to_the_whole_answer_with_the_same_logprobs(official):
    options = {"model": "tiny", "messages": ASK, "max_tokens": 40, "logprobs": True}
    whole = official.create(**options, top_logprobs=3)
    chunks = list(
        official.create(
            **options, top_logprobs=3, stream=True, stream_options={"include_usage": True}
        )
    )
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    assert text == whole.choices[0].message.content
    assert [c.finish_reason for c in choices if c.finish_reason] == [whole.choices[0].finish_reason]
    assert chunks[-1].usage == whole.usage
    streamed = [token for c in choices if c.logprobs for token in c.logprobs.content]
    assert [t.bytes for t in streamed] == [t.bytes for t in whole.choices[0].logprobs.content]
    assert [t.logprob for t in streamed] == pytest.approx(
        [t.logprob for t in whole.choices[0].logprobs.content], abs=1e-4
    )


def test_logprobs_hold_the_exact_bytes_of_each_token(official):
    choice = official.create(
        model="tiny", messages=ASK, max_tokens=60, logprobs=True, top_logprobs=2
    ).choices[0]
    tokens = choice.logprobs.content
    assert b"".join(bytes(t.bytes) for t in tokens).decode(errors="replace") == (
        choice.message.content
    )
    for token in tokens:
        assert token.top_logprobs[0].bytes == token.bytes  # greedy takes the most likely
        assert token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob


def test_a_stop_sequence_ends_a_stream_before_it(official):
    whole = official.create(model="tiny", messages=ASK, max_tokens=60).choices[0].message.content
    stop = next(whole[i : i + 2] for i in range(3, len(whole)) if whole[i : i + 2].isascii())
    chunks = list(
        official.create(model="tiny", messages=ASK, max_tokens=60, stop=[stop], stream=True)
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole[: whole.index(stop)]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_same_seed_gives_the_same_answer(official):
    options = {"model": "tiny", "messages": ASK, "max_tokens": 20, "temperature": 1.0}
    one, same, other = (
        official.create(**options, seed=seed).choices[0].message.content for seed in (5, 5, 6)
    )
    assert one == same != other


def test_what_is_wrong_with_a_request_becomes_the_clients_bad_request_error(official):
    with pytest.raises(openai.BadRequestError, match="temperature") as caught:
        official.create(model="tiny", messages=ASK, temperature=9)
    assert caught.value.param == "chat.temperature" or caught.value.param == "temperature"
    assert caught.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="tools"):
        official.create(
            model="tiny",
            messages=ASK,
            tools=[{"type": "function", "function": {"name": "f"}}],
        )


def test_an_overloaded_server_becomes_the_clients_rate_limit_error(serve):
    with serve(num_slots=1, max_waiting=1) as (client, engine):
        held, original = threading.Event(), engine.model.lm_head.forward
        entered = threading.Event()

        def hold(hidden):
            entered.set()
            held.wait(30)
            return original(hidden)

        engine.model.lm_head.forward = hold
        official = openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="unused", max_retries=0)
        answers = []

        def answer() -> None:
            answers.append(
                official.chat.completions.create(model="tiny", messages=ASK, max_tokens=2)
            )

        try:
            threads = [threading.Thread(target=answer) for _ in range(2)]
            threads[0].start()
            assert entered.wait(30)
            threads[1].start()
            while engine.load.waiting < 1:
                threads[1].join(0.005)
            with pytest.raises(openai.RateLimitError, match="1 requests are waiting") as caught:
                official.chat.completions.create(model="tiny", messages=ASK, max_tokens=2)
        finally:
            held.set()
            engine.model.lm_head.forward = original
        for thread in threads:
            thread.join(30)
        official.close()
    assert caught.value.response.headers["retry-after"] == "1"
    assert len(answers) == 2
