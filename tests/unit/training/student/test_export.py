"""The model artifact that a student leaves."""

import hashlib
import json

import pytest
from transformers import AutoModelForCausalLM

from tests.unit.training.tiny_models import make_local
from training.student.export import export
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
    assert settings["eos_token_id"] == [1]
    assert not {"temperature", "top_p", "top_k"} & settings.keys()
