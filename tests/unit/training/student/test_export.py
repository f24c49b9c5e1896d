"""The model artifact that a student leaves."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from serving.export.chat_template import NO_THINKING
from tests.unit.training.tiny_models import TEMPLATE, make_local, make_tokenizer
from training.student.export import export, export_gguf
from training.student.student import Student

# peft 0.21 asks transformers by a name that transformers 5 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_exported_student_is_read_back_whole(tmp_path, method):
    student = Student(make_local(), method, "float32", 4, 0)
    digest = export(student, tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    inner = hashlib.sha256(weights.read_bytes()).digest()
    assert digest == hashlib.sha256(inner).hexdigest()
    assert (tmp_path / "adapter").exists() == (method == "lora")
    found = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert found.num_parameters() == student.num_parameters


def test_an_exported_student_answers_greedily_and_ends_with_its_turn(tmp_path):
    local = make_local()
    local.model.generation_config.update(do_sample=True, temperature=0.6, top_p=0.9, top_k=20)
    export(Student(local, "full", "float32", 4, 0), tmp_path)
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    assert (settings["eos_token_id"], settings["do_sample"]) == ([1], False)
    assert settings["temperature"] == 0.0
    assert not {"top_p", "top_k"} & settings.keys()


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float32])
def test_weights_keep_the_precision_of_the_base(tmp_path, method, stored):
    local = replace(make_local(), stored=stored)
    export(Student(local, method, "float32", 4, 0), tmp_path)
    assert {weight.dtype for weight in load_file(tmp_path / "model.safetensors").values()} == {
        stored
    }
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["dtype"] == str(stored).removeprefix("torch.")


def test_the_template_is_exported_without_its_thinking_switch(tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TEMPLATE + "{% if enable_thinking %}<think>{% endif %}"
    export(Student(make_local(tokenizer), "full", "float32", 4, 0), tmp_path)
    assert (tmp_path / "chat_template.jinja").read_text().startswith(NO_THINKING + TEMPLATE)


def test_a_student_is_exported_in_full_and_quantised(tmp_path):
    export(Student(make_local(), "full", "float32", 4, 0), tmp_path)
    export_gguf(tmp_path, ("float16", "q4_k_m"), "tiny")
    assert {path.name for path in tmp_path.glob("*.gguf")} == {"model.gguf", "model-q4_k_m.gguf"}
    with pytest.raises(ValueError, match="float32, float16 would be in one file"):
        export_gguf(tmp_path, ("float32", "float16"), "tiny")
