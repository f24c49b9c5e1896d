"""Weights asked through llama.cpp, beside the same weights asked by our own decoding."""

import logging

import pytest

from serving.llama_cpp.process import LlamaServer
from stratos.errors import NotExportable
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.tiny_models import make_local, make_tokenizer
from training.models.generation import Sampling, generate_batch
from training.models.pruning import prune
from training.models.weights import LocalModel
from training.teachers.llama_cpp import LlamaCppTeacher
from training.teachers.weights import WeightsTeacher


def open_teacher(local, at_once=8, otherwise=None, seed=0):
    return LlamaCppTeacher(
        local,
        otherwise or (lambda: pytest.fail("our own decoding was asked")),
        at_once=at_once,
        seed=seed,
    )


@pytest.fixture(scope="module")
def local():
    return make_local()


@pytest.fixture(scope="module")
def teacher(local):
    return open_teacher(local)


def test_it_answers_as_our_own_decoding_does(local, teacher):
    requests = [ask(f"the question {number} about abc?") for number in range(20)]
    ours = WeightsTeacher(local, batch_size=4)
    assert answer_all(teacher, requests) == answer_all(ours, requests)
    for figure in ("num_parameters", "vocabulary_size", "tokenizer_hash", "name"):
        assert getattr(teacher, figure) == getattr(ours, figure)
    assert teacher.usage.calls == 20
    assert teacher.usage.completion_tokens == ours.usage.completion_tokens


def test_an_answer_is_cut_at_its_own_limit_and_ends_at_an_end_token(local, teacher):
    requests = [ask(f"{number}?", max_new_tokens=1 + number) for number in range(12)]
    found = answer_all(teacher, requests)
    assert all(one.completion_tokens <= 1 + number for number, one in enumerate(found))
    assert {one.finished for one in found} <= {True, False}
    cut = [one for number, one in enumerate(found) if one.completion_tokens == 1 + number]
    assert cut
    for request, one in zip(requests, found, strict=True):
        (prompt,) = local.chat.prompts([request.messages])
        sampling = Sampling(request.max_new_tokens, local.chat.eos)
        (direct,) = generate_batch(local.model, [prompt], sampling)
        assert one.finished == direct.finished


def test_a_sampled_answer_depends_on_its_request_alone(local, teacher):
    requests = [ask(f"{n % 3}", temperature=1.0, sample=n) for n in range(12)]
    together = answer_all(teacher, requests)
    assert len({one.text for one in together}) > 6
    alone = [answer_all(teacher, [request])[0] for request in requests[:3]]
    assert alone == together[:3]
    assert answer_all(teacher, list(reversed(requests))) == list(reversed(together))
    other_seed = answer_all(open_teacher(local, seed=1), requests)
    assert [one.text for one in other_seed] != [one.text for one in together]


def test_an_answer_is_told_as_soon_as_it_is_there(teacher):
    told = []
    requests = [ask(f"{number}") for number in range(10)]
    found = teacher.generate(
        requests, stop=lambda: False, on_answer=lambda index, one: told.append((index, one))
    )
    assert sorted(index for index, _ in told) == list(range(10))
    assert all(found[index] == one for index, one in told)


def test_nothing_more_is_asked_once_it_must_stop(local):
    told = []
    found = open_teacher(local, at_once=2).generate(
        [ask(f"{number}") for number in range(30)],
        stop=lambda: len(told) >= 3,
        on_answer=lambda index, _: told.append(index),
    )
    answered = [index for index, one in enumerate(found) if one is not None]
    assert sorted(told) == answered
    assert 3 <= len(answered) < 30


def test_a_prompt_beyond_the_models_positions_is_answered_with_nothing():
    teacher = open_teacher(make_local(max_position_embeddings=32))
    long, short = answer_all(teacher, [ask("x" * 50), ask("y", max_new_tokens=100)])
    assert (long.text, long.finished) == ("", False)
    assert 0 < short.completion_tokens < 32


def test_a_model_that_was_cut_is_asked_as_it_is(local):
    whole = make_local(num_hidden_layers=4)
    cut = LocalModel("cut", prune(whole.model, 2).eval(), whole.tokenizer, whole.chat)
    requests = [ask(f"the {number}") for number in range(6)]
    ours = answer_all(WeightsTeacher(cut, batch_size=4), requests)
    assert answer_all(open_teacher(cut), requests) == ours
    assert ours != answer_all(WeightsTeacher(whole, batch_size=4), requests)


def test_what_a_dead_server_leaves_is_answered_by_our_own_decoding(local, monkeypatch, caplog):
    servers, told = [], []

    def start(self, *arguments, **settings):
        original(self, *arguments, **settings)
        servers.append(self)

    original = LlamaServer.__init__
    monkeypatch.setattr(LlamaServer, "__init__", start)
    teacher = open_teacher(local, 2, lambda: WeightsTeacher(local, batch_size=4))
    requests = [ask(f"{number}?") for number in range(12)]

    def end_the_server(index, _):
        told.append(index)
        if len(told) == 3:
            servers[0].stop()

    found = teacher.generate(requests, stop=lambda: False, on_answer=end_the_server)
    assert found == answer_all(WeightsTeacher(local, batch_size=4), requests)
    assert sorted(told) == list(range(12))
    assert teacher.usage.calls == 12
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "by our own decoding from here on: llama.cpp" in warning.getMessage()
    assert "Its log ends:" in warning.getMessage()
    # It is not tried again.
    assert answer_all(teacher, requests[:2]) == found[:2]
    assert len(servers) == 1


def test_a_tokenizer_that_llama_cpp_lacks_is_refused():
    with pytest.raises(NotExportable, match="no merges"):
        open_teacher(make_local(make_tokenizer(["a", "b"])))
