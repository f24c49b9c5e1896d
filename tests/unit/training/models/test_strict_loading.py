"""No weight is drawn at random, left over or cut to another shape without a word."""

import json
import logging

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText

from stratos.catalog.cards import folder_card
from stratos.catalog.files import FilesOnDisk
from tests.tiny_families import FAMILIES, make_tiny, save_tiny
from tests.unit.training.tiny_models import make_tokenizer
from training.models.weights import load_model

IMAGES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}


def changed(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_read_as_it_was_saved(tmp_path, family):
    folder = save_tiny(family, tmp_path)
    found = load_model("tiny", str(folder)).model.state_dict()
    torch.testing.assert_close(found, make_tiny(family, len(make_tokenizer())).state_dict())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: w.pop("model.norm.weight"), "1 weights of tiny are missing, model.norm.weight"),
        (lambda w: w.pop("lm_head.weight"), "1 weights of tiny are missing, lm_head.weight"),
        (
            lambda w: w.update({"model.extra.weight": torch.ones(3)}),
            r"1 weights of tiny have no place in it, model\.extra\.weight",
        ),
        (
            lambda w: w.update({"model.norm.weight": torch.ones(3)}),
            "1 weights of tiny have another shape than config.json says, model.norm.weight",
        ),
    ],
    ids=["missing", "no head", "left over", "shape"],
)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, change, reason):
    source = changed(save_tiny("llama", tmp_path), change)
    with pytest.raises(ValueError, match=reason + r".*LlamaForCausalLM saves: upload"):
        load_model("tiny", source)


def test_a_missing_layer_is_refused_before_anything_is_read(tmp_path):
    folder = save_tiny("llama", tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 5}))
    with pytest.raises(ValueError, match=r"9 weights of tiny are missing, model\.layers\.4"):
        load_model("tiny", str(folder))


def test_a_missing_shard_is_named(tmp_path):
    folder = tmp_path / "tiny"
    save_tiny("qwen3", folder)
    (folder / "model.safetensors").unlink()
    make_tiny("qwen3", len(make_tokenizer())).save_pretrained(folder, max_shard_size="60KB")
    shards = sorted(path.name for path in folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert load_model("tiny", str(folder)).num_parameters
    (folder / shards[1]).unlink()
    with pytest.raises(ValueError, match=f"names {len(shards)} files, and {shards[1]} is missing"):
        load_model("tiny", str(folder))


def save_with_images(folder, outer, inner, images):
    tokenizer = make_tokenizer()
    text = make_tiny(inner, len(tokenizer)).config.to_dict()
    config = AutoConfig.for_model(
        outer, text_config=text, vision_config=IMAGES | {"model_type": images}
    )
    whole = AutoModelForImageTextToText.from_config(config).eval()
    whole.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return whole


@pytest.mark.parametrize(
    ("outer", "inner", "images"),
    [("gemma3", "gemma3_text", "siglip_vision_model"), ("mistral3", "ministral3", "pixtral")],
)
def test_the_text_of_a_model_that_sees_images_is_read_alone(tmp_path, outer, inner, images):
    whole = save_with_images(tmp_path / "m", outer, inner, images)
    local = load_model("tiny", str(tmp_path / "m"))
    tokens = torch.arange(5, 25)[None]
    with torch.no_grad():
        torch.testing.assert_close(local.model(tokens).logits, whole(input_ids=tokens).logits)
    assert local.model.config.model_type == inner
    card = folder_card("m", FilesOnDisk(tmp_path), "m")
    assert (card.num_parameters, card.num_layers) == (local.num_parameters, 4)


def test_what_transformers_would_only_report_is_not_logged_beside(tmp_path, caplog):
    source = changed(save_tiny("llama", tmp_path), lambda w: w.pop("model.norm.weight"))
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match="are missing"):
        load_model("tiny", source)
    assert caplog.records == []


def in_8_bits(weights):
    """The layers' matrices as FP8 with a scale each."""
    stored = dict(weights)
    for name, weight in weights.items():
        if weight.ndim == 2 and ".layers." in name and "vision" not in name:
            scale = weight.abs().max() / 448
            stored[name] = (weight / scale).to(torch.float8_e4m3fn)
            stored[f"{name}_scale_inv"] = scale.reshape(1, 1)
    return stored


def in_32_bits(stored):
    return {
        name: weight.float() * stored.get(f"{name}_scale_inv", torch.ones(()))
        for name, weight in stored.items()
        if not name.endswith("_scale_inv")
    }


def reads_8_bits(folder):
    """Whether weights in 8 bits are read as the same ones in 32 bits are."""
    stored = in_8_bits(load_file(folder / "model.safetensors"))
    assert any(weight.dtype == torch.float8_e4m3fn for weight in stored.values())
    save_file(in_32_bits(stored), folder / "model.safetensors", {"format": "pt"})
    expected = load_model("tiny", str(folder)).model.state_dict()
    save_file(stored, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    (folder / "config.json").write_text(json.dumps(config))
    torch.testing.assert_close(load_model("tiny", str(folder)).model.state_dict(), expected)


@pytest.mark.parametrize("family", ["llama", "qwen3_moe"])
def test_a_teacher_in_8_bits_is_read_as_the_numbers_it_means(tmp_path, family):
    reads_8_bits(save_tiny(family, tmp_path))


def test_the_text_in_8_bits_of_a_model_that_sees_images_is_read_alone(tmp_path):
    save_with_images(tmp_path, "mistral3", "ministral3", "pixtral")
    reads_8_bits(tmp_path)
