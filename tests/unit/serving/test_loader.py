"""Model folders: merged weights, a base with its adapter, and what is wrong with the others."""

import hashlib
import json
import shutil

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from serving import loader
from serving.loader import ModelFolderError, load_model

# peft 0.21 asks transformers by a name that transformers 5 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture
def folder(model_dir, tmp_path):
    return shutil.copytree(model_dir, tmp_path / "model")


@pytest.fixture(scope="module")
def adapted(model_dir, tmp_path_factory):
    """The base with a random adapter: once as two folders, once merged with the adapter beside."""
    root = tmp_path_factory.mktemp("adapted")
    torch.manual_seed(3)
    config = peft.LoraConfig(
        r=4,
        target_modules=["q_proj", "v_proj"],
        init_lora_weights=False,  # random, so that it changes the answers
        task_type="CAUSAL_LM",
    )
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    model = peft.get_peft_model(base, config)
    apart, merged = root / "apart", shutil.copytree(model_dir, root / "merged")
    shutil.copytree(model_dir, apart / "base")
    for folder in (apart, merged):
        model.save_pretrained(folder / "adapter")
    model.merge_and_unload().save_pretrained(merged)
    return apart, merged


def logits(folder):
    with torch.inference_mode():
        return load_model(folder).model(torch.tensor([[9, 30, 77, 200]])).logits


def test_a_base_with_its_adapter_answers_as_the_merged_weights_do(adapted, model_dir):
    apart, merged = adapted
    torch.testing.assert_close(logits(apart), logits(merged), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(apart), logits(model_dir), atol=1e-2)


def test_an_adapter_beside_merged_weights_is_not_merged_twice(adapted, model_dir):
    _, merged = adapted
    expected = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    with torch.inference_mode():
        torch.testing.assert_close(
            logits(merged), expected(torch.tensor([[9, 30, 77, 200]])).logits
        )


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path):
    (tmp_path / "weights.bin").touch()
    with pytest.raises(ModelFolderError, match=r"holds no config.json; it holds weights.bin"):
        load_model(tmp_path)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    with pytest.raises(ModelFolderError, match="it holds nothing"):
        load_model(tmp_path / "absent")


def truncate_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def garble_config(folder):
    (folder / "config.json").write_text('{"model_type": "qwen2", ')


def name_an_unknown_architecture(folder):
    (folder / "config.json").write_text('{"model_type": "abacus"}')


def garble_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')


def drop_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def shrink_a_weight(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"][:8].clone()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def drop_the_weights(folder):
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        truncate_weights,
        garble_config,
        name_an_unknown_architecture,
        garble_tokenizer,
        drop_a_weight,
        shrink_a_weight,
        drop_the_weights,
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(folder, damage):
    damage(folder)
    with pytest.raises(ModelFolderError) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_differ_from_their_manifest_are_refused(folder):
    weights = folder / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"files": {"model.safetensors": digest, "code/x.json": "0"}}))
    load_model(folder)
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1  # one bit, which no reader would notice
    weights.write_bytes(damaged)
    with pytest.raises(ModelFolderError, match="is damaged: its SHA-256"):
        load_model(folder)


@pytest.mark.parametrize(
    ("cuda", "native", "expected"),
    [
        (False, False, torch.float32),
        (True, False, torch.float16),  # Turing
        (True, True, torch.bfloat16),
    ],
)
def test_weights_are_read_in_what_the_device_computes_in(monkeypatch, cuda, native, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation or native
    )
    assert loader._dtype() == expected
