"""One model behind each engine, as an endpoint's container would start it."""

from __future__ import annotations

import os

import pytest
from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from transformers import AutoTokenizer

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Server
from stratos.hosting.container import serving_container
from tests import factories
from tests.integration.engines.engine_processes import ROOT, VLLM_PYTHON, copied, llama_cpp, vllm
from tests.integration.engines.request_table import CONTEXT_TOKENS, MODEL_NAME, SLOTS, Endpoint
from training.models.chat import ChatFormat

MODEL = ROOT / "examples" / "mahjong-waits" / "models" / "teacher"


ON = {"llama_cpp": "ml.c7i.large", "vllm": "ml.g5.xlarge"}


def environment_on(engine, artifact):
    """What an endpoint with this engine is told, as a deployment says it."""
    told = factories.engine(
        ON[engine], precision="float32", context_tokens=CONTEXT_TOKENS, slots=SLOTS
    )
    server = Server(
        instance_type=ON[engine], count=1, region="us-east-1", purchase="on_demand", usd_per_hour=1
    )
    plan = factories.match_evidence(server, 100.0, engine_on=told).plan
    plan = plan.model_copy(update={"precision": "float32"})
    size = sum(path.stat().st_size for path in artifact.iterdir())
    container = serving_container(
        plan, MODEL_NAME, "s3://b/model.tar.gz", artifact_bytes=size, servers=ServerCatalog.aws()
    )
    return container.definition["Environment"]


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
    environment = environment_on("llama_cpp", artifact)
    log = tmp_path_factory.mktemp("llama_cpp") / "log"
    with llama_cpp(environment, artifact, log) as url:
        yield Endpoint(url)


@pytest.fixture(scope="session")
def vllm_endpoint(artifact, tmp_path_factory):
    if VLLM_PYTHON not in os.environ:
        pytest.fail(f"{VLLM_PYTHON} names no interpreter with vLLM; run `make test-vllm`")
    environment = environment_on("vllm", artifact)
    log = tmp_path_factory.mktemp("vllm") / "log"
    with vllm(environment, artifact, log) as url:
        yield Endpoint(url)
