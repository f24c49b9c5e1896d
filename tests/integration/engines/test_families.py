"""Each family from a folder to an endpoint: planned, trained, exported, and answered alike."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import gguf
import httpx
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from serving.llama_cpp.process import LlamaServer
from stratos.catalog.cards import student_card
from stratos.catalog.files import FilesOnDisk
from stratos.contracts.artifact import gguf_name
from stratos.contracts.jobs import DistillConfig
from stratos.spec import Training, Weights
from tests.integration.engines.engine_processes import (
    ROOT,
    VLLM_PREFIX,
    VLLM_PYTHON,
    vllm,
)
from tests.tiny_families import HYBRIDS, MIXTURES, STUDENTS, save_tiny
from tests.unit.serving.export.tiny_folders import ask
from tests.unit.training.jobs import BASE
from tests.unit.training.tiny_models import make_tokenizer
from tests.unit.training.tiny_training import EVERY_STEP, random_examples
from training.container.clock import JobClock
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule
from training.objectives.objective import GoldTokens
from training.student.batches import BatchPlan, micro_batches
from training.student.export import export, export_gguf, exportable
from training.student.student import load_student

pytestmark = [
    # peft 0.21 asks transformers by a name that transformers 5 deprecates.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]

FAMILIES = [*STUDENTS, *MIXTURES, *HYBRIDS]
SERVED_AS = {
    # Windows that llama.cpp does not have are longer than what is asked.
    "ministral": {"sliding_window": 512},
    # As every one that is published; transformers' own value is the other.
    "qwen3_moe": {"norm_topk_prob": True},
    # With large embeddings that are the head, too, a model repeats what it reads.
    "granite": {"tie_word_embeddings": False},
    "granitemoe": {"tie_word_embeddings": False},
    "granitemoehybrid": {"tie_word_embeddings": False},
}
WIDE = {"hidden_size": 128, "head_dim": 32}
"""The smallest heads that vLLM has on a CPU (`vllm/v1/attention/backends/cpu_attn.py`)."""
WIDE_BESIDE = {
    "gemma3_text": {"query_pre_attn_scalar": 32},
    "granitemoehybrid": {"mamba_d_head": 32},
    # Two more names for the width, which published models have and vLLM reads.
    "lfm2": {"block_dim": 128, "conv_dim": 128},
}
VLLM_TOLD = {"lfm2": {"SM_VLLM_COMPILATION_CONFIG": '{"custom_ops": ["all", "-rotary_embedding"]}'}}
"""Without vLLM's own code for rotary positions on CPUs, which is wrong for this family alone."""
VLLM_REFUSES = {"qwen3_next": "CPU GDN attention requires BF16"}
"""Families that vLLM does not compute in float32 on a CPU, and what it says."""
IN_VLLM = [family for family in FAMILIES if family not in VLLM_REFUSES]
QUESTIONS = ["What is 12 + 30?", "Say: hello, world!", "Count from 7 to 9."]
NEW_TOKENS, STEPS = 8, 2
CLOSE = 1e-3
"""Two logits that no engine need tell apart."""
EXACT = ["--ctx-size", "512", "--parallel", "1", "--jinja", "--no-warmup", "--threads", "1"]
EXACT += ["--no-cache-prompt", "--flash-attn", "off", "--cache-type-k", "f32"]
EXACT += ["--cache-type-v", "f32"]


@dataclass(frozen=True)
class Answer:
    """What transformers writes without sampling, up to where two tokens are as good."""

    prompt: list[int]
    tokens: list[int]


def answers(folder, model=None):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = model or AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return [answer(model.eval(), prompt) for prompt in prompts(tokenizer)]


def prompts(tokenizer):
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        for question in QUESTIONS
    ]
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


@torch.no_grad()
def answer(model, prompt):
    written: list[int] = []
    while len(written) < NEW_TOKENS:
        logits = model(torch.tensor([prompt + written]), use_cache=False).logits[0, -1]
        best = logits.topk(2)
        if best.values[0] - best.values[1] < CLOSE:
            break
        written.append(int(best.indices[0]))
        if written[-1] == 1:
            break
    return Answer(prompt, written)


def train(student):
    examples = random_examples(12)
    Trainer(
        student,
        BatchPlan(examples[4:], batch_tokens=80, micro_tokens=80, seed=0),
        micro_batches(examples[:4], 80),
        GoldTokens(),
        Optimizers(student.trained, Training(), 1e-2),
        TrainingSchedule(STEPS, 1e-2, **EVERY_STEP),
        None,
        JobClock(1e9),
        lambda *_: None,
    ).run()


def config_of(method):
    return DistillConfig.model_validate(
        BASE
        | {
            "student": {"kind": "weights", "path": "base"},
            "method": method,
            "precision": "float32",
            "training": {},
            "gguf": ["float32"],
        }
    )


@pytest.fixture
def sizes(request, family):
    """What is asked of the model's sizes: nothing but by vLLM."""
    if request.node.get_closest_marker("vllm") is None:
        return {}
    return WIDE | WIDE_BESIDE.get(family, {})


@pytest.fixture
def base(tmp_path, family, sizes):
    rows = len(make_tokenizer()) + 8
    changes = sizes | SERVED_AS.get(family, {})
    return save_tiny(family, tmp_path / "base", vocab_size=rows, **changes)


@pytest.fixture
def trained(base, tmp_path, method):
    """The folder that a job leaves of a student of the family."""
    weights = Weights(kind="weights", path="base")
    card = student_card(weights, FilesOnDisk(tmp_path))
    assert card.llama_cpp_obstacle is None
    student = load_student(weights, str(base), method, "float32", 4, 0)
    assert student.num_parameters == card.num_parameters
    config = config_of(method)
    assert exportable(student, config) == config.gguf
    train(student)
    export(student, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_is_planned_trained_exported_and_answers_alike(
    base, trained, method, monkeypatch
):
    expected = answers(trained)
    assert sum(len(found.tokens) for found in expected) > NEW_TOKENS
    assert expected != answers(base)
    if method == "lora":
        untrained = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        adapted = PeftModel.from_pretrained(untrained, trained / "adapter")
        assert answers(trained, adapted) == expected
    export_gguf(trained, config_of(method))
    with LlamaServer(trained / gguf_name("float32"), EXACT) as server:
        for found in expected:
            told = {"prompt": found.prompt, "n_predict": NEW_TOKENS, "temperature": 0}
            served = ask(server, "/completion", told | {"return_tokens": True})["tokens"]
            assert served[: len(found.tokens)] == found.tokens


@pytest.mark.parametrize("method", ["full"])
@pytest.mark.parametrize("family", ["qwen3_moe", "lfm2"])
def test_llama_cpp_reads_quantised_experts_and_layers_that_carry_a_state(trained, family):
    told = config_of("full").model_copy(update={"gguf": ("q8_0",)})
    # The export asks llama.cpp for tokens, prompts and logits.
    assert export_gguf(trained, told) == ("q8_0",)
    tensors = gguf.GGUFReader(trained / gguf_name("q8_0")).tensors
    stored = {tensor.name: tensor.tensor_type.name for tensor in tensors}
    rounded, whole = {
        "qwen3_moe": ("blk.0.ffn_up_exps.weight", "blk.0.ffn_gate_inp.weight"),
        "lfm2": ("blk.0.shortconv.in_proj.weight", "blk.0.shortconv.conv.weight"),
    }[family]
    assert (stored[rounded], stored[whole]) == ("Q8_0", "F32")


def served_by_vllm(trained, log, expected, told):
    """What vLLM writes, each answer as long as the one expected."""
    assert VLLM_PYTHON in os.environ, f"{VLLM_PYTHON} names no interpreter; run `make test-vllm`"
    settings = {"MODEL": "/opt/ml/model", "DTYPE": "float32", "MAX_MODEL_LEN": "256"}
    environment = {f"{VLLM_PREFIX}{name}": value for name, value in settings.items()} | told
    served = []
    with vllm(environment, trained, log) as url:
        for found in expected:
            asked = {
                "model": str(trained),
                "prompt": found.prompt,
                "max_tokens": NEW_TOKENS,
                "temperature": 0,
                "return_token_ids": True,
            }
            reply = httpx.post(f"{url}/v1/completions", json=asked, timeout=600)
            assert reply.status_code == 200, reply.text
            tokens = reply.json()["choices"][0]["token_ids"]
            served.append(Answer(found.prompt, tokens[: len(found.tokens)]))
    return served


def test_the_page_says_of_each_family_what_vllm_makes_of_it():
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    section = page.split("In vLLM on a CPU:\n")[1].split("\n\nA record")[0]
    shown = dict(re.findall(r"^\| (\w.*?) \| (.+) \|$", section, flags=re.MULTILINE))
    told = {family: words for names, words in shown.items() for family in names.split(", ")}
    assert set(told) == set(FAMILIES)
    alike = {family for family, words in told.items() if words == "answers alike"}
    refused = {family for family, words in told.items() if words.startswith("refused: ")}
    assert refused == set(VLLM_REFUSES)
    assert alike == set(IN_VLLM) - set(VLLM_TOLD)


@pytest.mark.vllm
@pytest.mark.parametrize("method", ["full"])
@pytest.mark.parametrize("family", IN_VLLM)
def test_vllm_answers_alike(trained, tmp_path, family):
    expected = answers(trained)
    assert sum(len(found.tokens) for found in expected) > NEW_TOKENS
    told = VLLM_TOLD.get(family, {})
    assert served_by_vllm(trained, tmp_path / "log", expected, told) == expected


@pytest.mark.vllm
@pytest.mark.parametrize("method", ["full"])
@pytest.mark.parametrize("family", VLLM_TOLD)
def test_vllm_answers_otherwise_on_a_cpu_unless_it_is_told(trained, tmp_path):
    expected = answers(trained)
    assert served_by_vllm(trained, tmp_path / "log", expected, {}) != expected


@pytest.mark.vllm
@pytest.mark.parametrize("method", ["full"])
@pytest.mark.parametrize("family", VLLM_REFUSES)
def test_vllm_says_on_a_cpu_which_families_it_refuses(trained, tmp_path, family):
    log = tmp_path / "log"
    with pytest.raises((AssertionError, httpx.HTTPError)):
        served_by_vllm(trained, log, answers(trained), {})
    assert VLLM_REFUSES[family] in log.read_text()
