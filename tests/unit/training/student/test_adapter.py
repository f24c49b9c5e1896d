"""An exported adapter on its base says what the merged weights say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from stratos.spec import Weights
from tests.unit.training.tiny_models import save_in_parts, save_model
from training.models.weights import load_model
from training.student import adapter
from training.student.export import export
from training.student.student import Student

# peft 0.21 asks transformers by a name that transformers 5 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
TOKENS = torch.tensor([[5, 9, 20, 7, 33]])


def exported(folder: Path, base: Weights, source: Path) -> torch.Tensor:
    """Export a student whose adapter changes its answers; the merged model's logits."""
    local = load_model("tiny", str(source), layers=base.layers)
    with torch.no_grad():
        untrained = local.model(TOKENS).logits
    student = Student(local, "lora", "float32", 4, 0)
    generator = torch.Generator().manual_seed(1)
    for name, weight in student.trainable().items():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) / 10
    export(student, folder, base)
    logits = logits_of(AutoModelForCausalLM.from_pretrained(folder))
    assert (logits - untrained).abs().max() > 0.1
    return logits


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(TOKENS).logits
    return logits


@pytest.mark.parametrize("layers", [None, 2], ids=["whole", "cut"])
def test_a_base_without_a_name_goes_with_its_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: int | None
) -> None:
    source = save_model(tmp_path / "source", num_hidden_layers=4)
    base = Weights(path="models/source", layers=layers)
    merged = exported(tmp_path / "artifact", base, source)
    monkeypatch.chdir(tmp_path / "artifact")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = AutoPeftModelForCausalLM.from_pretrained("adapter")
    torch.testing.assert_close(logits_of(model), merged, rtol=1e-4, atol=1e-4)
    told = json.loads(Path("adapter/adapter_config.json").read_text())
    assert (told["base_model_name_or_path"], told["revision"]) == ("adapter/base", None)
    assert str(tmp_path) not in Path("adapter/adapter_config.json").read_text()


def test_a_whole_model_of_the_hub_is_named_with_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "commit_of", lambda weights: "c0ffee")
    source = save_model(tmp_path / "source")
    merged = exported(tmp_path / "artifact", Weights(hub="org/model"), source)
    folder = tmp_path / "artifact" / "adapter"
    told = json.loads((folder / "adapter_config.json").read_text())
    assert (told["base_model_name_or_path"], told["revision"]) == ("org/model", "c0ffee")
    assert not (folder / "base").exists()
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(source), folder)
    torch.testing.assert_close(logits_of(model), merged, rtol=1e-4, atol=1e-4)


def test_a_cut_model_of_the_hub_has_no_name(tmp_path: Path) -> None:
    source = save_model(tmp_path / "source", num_hidden_layers=4)
    exported(tmp_path / "artifact", Weights(hub="org/model", layers=2), source)
    told = json.loads((tmp_path / "artifact/adapter/adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "adapter/base"


def test_the_text_of_a_model_in_parts_goes_with_its_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save_in_parts(tmp_path / "source")
    merged = exported(tmp_path / "artifact", Weights(hub="org/model"), source)
    monkeypatch.chdir(tmp_path / "artifact")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = AutoPeftModelForCausalLM.from_pretrained("adapter")
    torch.testing.assert_close(logits_of(model), merged, rtol=1e-4, atol=1e-4)
    told = json.loads(Path("adapter/adapter_config.json").read_text())
    assert told["base_model_name_or_path"] == "adapter/base"


@pytest.mark.parametrize("tied", [True, False])
def test_a_base_is_written_as_it_was_read(tmp_path: Path, tied: bool) -> None:
    source = save_model(tmp_path / "source", tie_word_embeddings=tied)
    AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16).save_pretrained(source)
    local = load_model("tiny", str(source))
    student = Student(local, "lora", "float32", 4, 0)
    export(student, tmp_path / "artifact", Weights(path="models/source"))
    base = tmp_path / "artifact/adapter/base"
    assert stored_in(base) == stored_in(source)
    assert ("lm_head.weight" in stored_in(base)) == (not tied)
    assert json.loads((base / "config.json").read_text())["dtype"] == "bfloat16"


def stored_in(folder: Path) -> dict[str, tuple[torch.dtype, list[float]]]:
    """Name → type and numbers of each tensor."""
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {name: (one.dtype, one.flatten().tolist()) for name, one in tensors.items()}
