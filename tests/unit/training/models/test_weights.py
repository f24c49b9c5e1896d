import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from stratos.spec import Weights
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.training.tiny_models import make_tokenizer, save_in_parts, save_model
from training.models import gguf_folder, weights
from training.models.weights import load_model, locate, tokenizer_hash


def test_equal_hashes_mean_equal_token_ids():
    assert tokenizer_hash(make_tokenizer()) == tokenizer_hash(make_tokenizer())
    padded = make_tokenizer()
    padded(["a", "bcd"], padding=True)
    assert tokenizer_hash(padded) == tokenizer_hash(make_tokenizer())
    assert tokenizer_hash(make_tokenizer(list("ba"))) != tokenizer_hash(make_tokenizer(list("ab")))


def test_weights_on_the_hub_need_no_channel(monkeypatch):
    asked = Weights(hub="org/model", revision="v1")
    monkeypatch.setattr(weights, "folder_of_hub", {asked: "/cache/abc"}.__getitem__)
    assert locate(asked, None) == "/cache/abc"


def test_a_gguf_in_the_channel_is_made_into_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(gguf_folder.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "channel").mkdir()
    write_tiny_gguf(tmp_path / "channel" / "tiny.gguf")
    found = locate(Weights(path="models/tiny.gguf"), tmp_path / "channel")
    assert load_model("tiny", found).num_parameters == 26_912


def test_a_folder_of_the_channel_or_the_channel_itself_holds_the_model(tmp_path):
    teacher = Weights(path="models/teacher")
    save_model(tmp_path / "teacher")
    assert locate(teacher, tmp_path) == str(tmp_path / "teacher")
    assert locate(teacher, tmp_path / "teacher") == str(tmp_path / "teacher")


def test_weights_that_cannot_be_read_safely_are_refused_with_what_is_there(tmp_path):
    teacher = Weights(path="models/teacher")
    with pytest.raises(ValueError, match="the job has no channel with the weights of 'teacher'"):
        locate(teacher, None)
    with pytest.raises(ValueError, match=r"'teacher' has no config.json, only \[\]; upload"):
        locate(teacher, tmp_path)
    for name in ("config.json", "pytorch_model.bin"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"no \*.safetensors, only .*'pytorch_model.bin'\]; other"):
        locate(teacher, tmp_path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_model_knows_what_its_weights_were_stored_as(tmp_path, dtype):
    folder = save_model(tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: weight.to(dtype) for name, weight in weights.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    local = load_model("tiny", str(folder), "float32")
    assert (local.stored, local.model.dtype) == (dtype, torch.float32)


def test_the_text_of_a_model_in_parts_is_saved_by_names_of_its_own(tmp_path):
    whole = load_model("parts", str(save_in_parts(tmp_path / "parts"))).model
    whole.save_pretrained(tmp_path / "text")
    again, loaded = AutoModelForCausalLM.from_pretrained(
        tmp_path / "text", output_loading_info=True
    )
    assert not loaded["missing_keys"]
    assert not loaded["unexpected_keys"]
    torch.testing.assert_close(again.state_dict(), whole.state_dict())
