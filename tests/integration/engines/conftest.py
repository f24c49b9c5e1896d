"""One model behind each engine, as an endpoint's container would start it."""

from __future__ import annotations

import os

import pytest
from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from transformers import AutoTokenizer

from stratos.contracts.plan import PlannedEngine
from stratos.hosting.container import llama_cpp_environment, vllm_environment
from tests.integration.engines.engine_processes import ROOT, VLLM_PYTHON, copied, llama_cpp, vllm
from tests.integration.engines.request_table import CONTEXT_TOKENS, MODEL_NAME, SLOTS, Endpoint
from training.models.chat import ChatFormat

MODEL = ROOT / "examples" / "mahjong-waits" / "models" / "teacher"


def planned(name):
    return PlannedEngine(
        name=name,
        precision="float32",
        context_tokens=CONTEXT_TOKENS,
        slots=SLOTS,
        memory_gib=1.0,
    )


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    """What a distillation job leaves, of a model that writes sensible text."""
    folder = copied(MODEL, tmp_path_factory.mktemp("artifact") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_settings(folder, tokenizer, sorted(ChatFormat(tokenizer).eos))
    write_gguf(folder, "float32")
    return folder


@pytest.fixture(scope="session")
def llama_cpp_endpoint(artifact, tmp_path_factory):
    environment = llama_cpp_environment(planned("llama_cpp"), MODEL_NAME)
    log = tmp_path_factory.mktemp("llama_cpp") / "log"
    with llama_cpp(environment, artifact, log) as url:
        yield Endpoint(url)


@pytest.fixture(scope="session")
def vllm_endpoint(artifact, tmp_path_factory):
    if VLLM_PYTHON not in os.environ:
        pytest.fail(f"{VLLM_PYTHON} names no interpreter with vLLM; run `make test-vllm`")
    environment = vllm_environment(planned("vllm"), MODEL_NAME, dtype="float32")
    log = tmp_path_factory.mktemp("vllm") / "log"
    with vllm(environment, artifact, log) as url:
        yield Endpoint(url)
