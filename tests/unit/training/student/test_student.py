"""The model that learns."""

import pytest
import torch

from stratos.spec import Weights
from tests.tiny_families import save_tiny
from tests.unit.training.tiny_models import make_model, save_model
from tests.unit.training.tiny_training import train
from training.student.student import load_student


def test_lora_trains_the_adapter_alone():
    student, _ = train(method="lora", planned=4)
    assert student.num_trainable_parameters < student.num_parameters
    assert all("lora_" in name for name in student.trainable())
    base = dict(make_model(60, seed=1).named_parameters())
    frozen = {n: p for n, p in student.model.named_parameters() if not p.requires_grad}
    for name, parameter in frozen.items():
        assert torch.equal(parameter, base[name.replace(".base_layer", "")])


@pytest.mark.parametrize(("method", "stored"), [("full", torch.float32), ("lora", torch.bfloat16)])
def test_weights_that_are_all_trained_are_held_in_float32(tmp_path, method, stored):
    source = save_model(tmp_path)
    student = load_student(Weights(path="tiny"), str(source), method, "bfloat16", 4, 0)
    assert student.model.get_input_embeddings().weight.dtype == stored


def test_a_precision_that_cannot_be_trained_in_is_refused(tmp_path):
    with pytest.raises(ValueError, match="fp8 is for serving; train in float32 or bfloat16"):
        load_student(Weights(path="tiny"), str(tmp_path), "full", "fp8", 4, 0)


@pytest.mark.parametrize(
    ("family", "method", "told"),
    [("qwen3_moe", "full", True), ("qwen3_moe", "lora", False), ("qwen3", "full", False)],
)
def test_a_router_that_learns_without_its_balance_is_told(tmp_path, caplog, family, method, told):
    source = save_tiny(family, tmp_path / family)
    load_student(Weights(path="mixture"), str(source), method, "float32", 4, 0)
    assert ("the router of mixture learns without" in caplog.text) == told
