"""One model behind each engine, as an endpoint's container would start it."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest
from transformers import AutoTokenizer

from serving.export.chat_template import served_template, tool_parser
from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Server
from stratos.hosting.container import serving_container
from tests import factories
from tests.calling_model import CONTEXT_TOKENS as CALLING_TOKENS
from tests.calling_model import save_calling
from tests.integration.engines.engine_processes import ROOT, VLLM_PYTHON, copied, llama_cpp, vllm
from tests.integration.engines.request_table import CONTEXT_TOKENS, MODEL_NAME, SLOTS, Endpoint
from training.models.chat import ChatFormat

MODEL = ROOT / "examples" / "mahjong-waits" / "models" / "teacher"


ON = {"llama_cpp": "ml.c7i.large", "vllm": "ml.g5.xlarge"}


def environment_on(engine, artifact, context_tokens=CONTEXT_TOKENS):
    """What an endpoint with this engine is told, as a deployment says it."""
    told = factories.engine_on(
        ON[engine], precision="float32", context_tokens=context_tokens, slots=SLOTS
    )
    server = Server(
        instance_type=ON[engine], count=1, region="us-east-1", purchase="on_demand", usd_per_hour=1
    )
    plan = factories.match_evidence(server, 100.0, served_by=told).plan
    plan = plan.model_copy(update={"precision": "float32"})
    size = sum(path.stat().st_size for path in artifact.iterdir())
    container = serving_container(
        plan,
        MODEL_NAME,
        "s3://b/model.tar.gz",
        artifact_bytes=size,
        servers=ServerCatalog.aws(),
        tool_parser=tool_parser(AutoTokenizer.from_pretrained(artifact)),
    )
    return container.definition["Environment"]


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    """What a distillation job leaves, of a model that writes sensible text."""
    folder = copied(MODEL, tmp_path_factory.mktemp("artifact") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = served_template(tokenizer)
    tokenizer.save_pretrained(folder)
    write_settings(folder, tokenizer, sorted(ChatFormat(tokenizer).eos))
    write_gguf(folder, "float32")
    return folder


@pytest.fixture(scope="session")
def calling_artifact(tmp_path_factory):
    """The same of a model that calls tools."""
    folder = save_calling(tmp_path_factory.mktemp("calling") / "model")
    write_gguf(folder, "float32")
    return folder


@pytest.fixture(scope="session")
def llama_cpp_endpoint(artifact, tmp_path_factory):
    with _behind("llama_cpp", artifact, tmp_path_factory) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def llama_cpp_calling_endpoint(calling_artifact, tmp_path_factory):
    with _behind("llama_cpp", calling_artifact, tmp_path_factory, CALLING_TOKENS) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def vllm_endpoint(artifact, tmp_path_factory):
    with _behind("vllm", artifact, tmp_path_factory) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def vllm_calling_endpoint(calling_artifact, tmp_path_factory):
    with _behind("vllm", calling_artifact, tmp_path_factory, CALLING_TOKENS) as endpoint:
        yield endpoint


@contextmanager
def _behind(engine, artifact, tmp_path_factory, context_tokens=CONTEXT_TOKENS):
    if engine == "vllm" and VLLM_PYTHON not in os.environ:
        pytest.fail(f"{VLLM_PYTHON} names no interpreter with vLLM; run `make test-vllm`")
    environment = environment_on(engine, artifact, context_tokens)
    log = tmp_path_factory.mktemp(engine) / "log"
    start = {"llama_cpp": llama_cpp, "vllm": vllm}[engine]
    with start(environment, artifact, log) as url, Endpoint(url) as endpoint:
        yield endpoint
