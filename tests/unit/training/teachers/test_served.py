"""A model asked as its endpoint will be."""

import logging

import pytest

from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.process import ServerFailed
from stratos.contracts.plan import PlannedEngine
from tests.unit.training.fakes import answer_all, ask
from tests.unit.training.tiny_models import make_local
from training.teachers.served import ServedGguf, endpoint_arguments
from training.teachers.weights import WeightsTeacher


def engine(context_tokens=256, slots=4):
    return PlannedEngine(
        name="llama_cpp",
        precision="float32",
        context_tokens=context_tokens,
        slots=slots,
        memory_gib=0.1,
    )


@pytest.fixture(scope="module")
def local():
    # Wide weights: no two tokens are so near that the engine's float16 attention turns them.
    return make_local(initializer_range=0.4, seed=3)


@pytest.fixture(scope="module")
def gguf(local, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    local.model.save_pretrained(folder)
    local.tokenizer.save_pretrained(folder)
    write_settings(folder, local.tokenizer, sorted(local.chat.eos))
    return write_gguf(folder, "float32")


def test_it_is_told_what_its_endpoint_is_told():
    told = endpoint_arguments(engine(512, 8))
    pairs = dict(zip(told, [*told[1:], ""], strict=True))
    assert (pairs["--ctx-size"], pairs["--parallel"]) == ("4096", "8")
    assert (pairs["--temp"], pairs["--cache-ram"]) == ("0", "0")
    assert "--jinja" in told


def test_chat_requests_are_answered_and_cut_at_their_limit(local, gguf):
    requests = [ask(f"what is {number}?") for number in range(8)]
    served = ServedGguf("student", gguf, engine())
    found = answer_all(served, requests)
    ours = answer_all(WeightsTeacher(local, batch_size=8), requests)
    for here, there in zip(found, ours, strict=True):
        assert here.prompt_tokens == there.prompt_tokens
        assert here.finished == there.finished
        assert here.completion_tokens <= 16
    assert served.usage.calls == 8
    assert served.usage.completion_tokens == sum(one.completion_tokens for one in found)
    assert served.usage.tokens_per_second > 0


def test_a_question_beyond_the_context_counts_as_wrong(gguf, caplog):
    served = ServedGguf("student", gguf, engine(256, 1))
    long, short = answer_all(served, [ask("x" * 300), ask("y")])
    assert (long.text, long.finished, long.completion_tokens) == ("", False, 0)
    assert long.prompt_tokens > 300
    assert short.completion_tokens > 0
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "refused 1 of 2 questions to student, which count as wrong" in warning.getMessage()
    assert "exceed_context_size_error" in warning.getMessage()


def test_an_engine_that_refuses_every_question_is_no_measurement(gguf):
    served = ServedGguf("student", gguf, engine(256, 1))
    with pytest.raises(ServerFailed, match="refused 2 of 2 questions"):
        answer_all(served, [ask("x" * 300), ask("y" * 300)])


def test_a_file_that_is_no_model_says_what_the_engine_said(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"no model")
    with pytest.raises(ServerFailed, match="cannot serve"):
        answer_all(ServedGguf("student", tmp_path / "model.gguf", engine()), [ask("?")])
