"""The engine decodes many sequences together exactly as each would decode alone."""

import queue
import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.engine import Engine, FinishReason, Generation, QueueFull, Token
from serving.loader import LoadedModel
from serving.sampling import TokenSampling


class Collector:
    """Remembers the tokens of one generation and waits for its end."""

    def __init__(self, prompt: list[int], max_new_tokens: int = 12, **options: object) -> None:
        self.tokens: list[Token] = []
        self.reason: FinishReason | None = None
        self._done = threading.Event()
        self.first = threading.Event()
        self.generation = Generation(
            prompt=prompt,
            max_new_tokens=max_new_tokens,
            sampling=options.pop("sampling", TokenSampling()),  # type: ignore[arg-type]
            on_token=self._on_token,
            on_finish=self._on_finish,
            **options,  # type: ignore[arg-type]
        )

    def _on_token(self, token: Token) -> bool:
        self.tokens.append(token)
        self.first.set()
        return False

    def _on_finish(self, reason: FinishReason) -> None:
        assert self.reason is None, "on_finish was called twice"
        self.reason = reason
        self._done.set()

    def ids(self) -> list[int]:
        assert self._done.wait(30)
        return [token.id for token in self.tokens]


@pytest.fixture
def engine(loaded: LoadedModel):
    engine = Engine(loaded.model, eos_token_ids=loaded.eos_token_ids, max_tokens=128, num_slots=4)
    yield engine
    assert engine.drain(30)


def alone(loaded: LoadedModel, prompt: list[int], max_new_tokens: int) -> list[int]:
    ids = torch.tensor([prompt])
    out = loaded.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=1,
    )[0, len(prompt) :].tolist()
    return out[: out.index(0)] if 0 in out else out


@given(
    st.lists(
        st.tuples(st.lists(st.integers(5, 250), min_size=1, max_size=40), st.integers(1, 20)),
        min_size=1,
        max_size=9,
    )
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_batch_gives_what_each_sequence_gives_alone(engine, loaded, requests):
    collectors = [Collector(prompt, limit) for prompt, limit in requests]
    for collector in collectors:
        engine.submit(collector.generation)
    for collector, (prompt, limit) in zip(collectors, requests, strict=True):
        assert collector.ids() == alone(loaded, prompt, limit)


def test_the_same_seed_samples_the_same_tokens_in_any_company(engine):
    sampling = TokenSampling(temperature=1.0, top_p=0.9, seed=11)
    solo = Collector([9, 8, 7], sampling=sampling)
    engine.submit(solo.generation)
    expected = solo.ids()
    crowd = [Collector([5 + i] * (i + 1), sampling=TokenSampling(1.0, 1.0, i)) for i in range(3)]
    again = Collector([9, 8, 7], sampling=sampling)
    for collector in (*crowd, again):
        engine.submit(collector.generation)
    assert again.ids() == expected


def test_a_cancelled_request_frees_its_slot(engine, loaded):
    endless = [Collector([20 + i], 100) for i in range(4)]
    for collector in endless:
        engine.submit(collector.generation)
        collector.generation.cancelled.set()
    follower = Collector([30, 31], 5)
    engine.submit(follower.generation)
    assert follower.ids() == alone(loaded, [30, 31], 5)
    for collector in endless:
        collector.ids()
        assert collector.reason in ("cancelled", "stop")


def test_an_expired_deadline_ends_a_request_before_it_costs_anything(engine):
    late = Collector([9], deadline=0.0)
    engine.submit(late.generation)
    assert late.ids() == []
    assert late.reason == "timeout"


def test_what_cannot_fit_the_context_is_refused_at_once(engine):
    with pytest.raises(ValueError, match="exceed the context of 128"):
        engine.submit(Collector([9] * 120, 20).generation)


def test_a_full_queue_refuses_instead_of_piling_up(loaded):
    engine = Engine(
        loaded.model, eos_token_ids=frozenset(), max_tokens=128, num_slots=1, max_waiting=1
    )
    gate: queue.Queue[None] = queue.Queue()
    running = Collector([9], 3)
    running.generation.on_token = lambda token: bool(gate.get(timeout=30))
    engine.submit(running.generation)
    while engine.load.waiting:
        pass
    engine.submit(Collector([10], 3).generation)
    with pytest.raises(QueueFull, match="1 requests are waiting"):
        engine.submit(Collector([11], 3).generation)
    for _ in range(3):
        gate.put(None)
    assert engine.drain(30)


def test_a_broken_step_fails_its_requests_and_not_the_server(loaded):
    engine = Engine(loaded.model, eos_token_ids=loaded.eos_token_ids, max_tokens=128, num_slots=2)
    broken = Collector([10_000_000], 3)
    engine.submit(broken.generation)
    assert broken.ids() == []
    assert broken.reason == "error"
    good = Collector([9, 9], 4)
    engine.submit(good.generation)
    assert good.ids() == alone(loaded, [9, 9], 4)
    assert engine.drain(30)


def test_logprobs_are_those_of_the_model(engine, loaded):
    collector = Collector([9, 8], 3, num_top_logprobs=2)
    engine.submit(collector.generation)
    ids = collector.ids()
    with torch.no_grad():
        logits = loaded.model(torch.tensor([[9, 8, *ids]])).logits[0, 1:-1]
    expected = torch.log_softmax(logits, -1)
    for row, token in zip(expected, collector.tokens, strict=True):
        assert token.logprob == pytest.approx(float(row[token.id]), abs=1e-4)
        assert token.top_logprobs[0][0] == int(row.argmax())
