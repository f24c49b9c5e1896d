import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from stratos.catalog.cards import folder_card
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.models import hub_models
from tests.tiny_families import FAMILIES, make_tiny
from tests.unit.training.tiny_models import make_model, make_tokenizer, save_model
from training.models.generation import Sampling, generate_batch
from training.models.pruning import prune
from training.models.weights import load_model

TEACHER = {"num_hidden_layers": 5, "seed": 4}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pruned_model_computes_what_the_kept_layers_do(family):
    whole = make_tiny(family, 60)
    pruned = prune(whole, 3).eval()
    tokens = torch.randint(8, 60, (2, 19), generator=torch.manual_seed(0))
    body = whole.base_model
    body.layers = torch.nn.ModuleList(body.layers[layer] for layer in (0, 2, 3))
    whole.config.num_hidden_layers = 3
    if getattr(whole.config, "layer_types", None):
        whole.config.layer_types = [whole.config.layer_types[layer] for layer in (0, 2, 3)]
    with torch.no_grad():
        expected = whole(tokens, use_cache=False).logits
        torch.testing.assert_close(pruned(tokens, use_cache=False).logits, expected)


def test_settings_by_layer_are_cut_with_the_layers():
    assert prune(make_tiny("smollm3", 60), 3).config.no_rope_layers == [1, 1, 0]
    mixed = make_tiny("qwen3_moe", 60, mlp_only_layers=[0, 3], num_hidden_layers=5)
    assert prune(mixed, 3).config.mlp_only_layers == [0]


def test_a_model_with_unknown_settings_by_layer_is_not_cut():
    whole = make_model(60, eos_token_id=[1, 2, 3, 4, 5], **TEACHER)
    assert prune(whole, 3).config.eos_token_id == [1, 2, 3, 4, 5]
    whole.config.some_widths = [1, 1, 1, 0, 1]
    with pytest.raises(ValueError, match="some_widths of Qwen3ForCausalLM has 5 entries"):
        prune(whole, 3)


def test_a_model_whose_layers_alternate_by_their_number_is_not_cut():
    whole = make_tiny("qwen3_moe", 60, decoder_sparse_step=2)
    with pytest.raises(
        ValueError,
        match=r"cannot be cut: model\.layers\.1\.mlp\.\S+ does not fit",
    ):
        prune(whole, 3)


def test_a_family_with_words_of_its_own_is_cut_as_planned(tmp_path):
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=4, n_head=4)
    whole = GPT2LMHeadModel(config).eval()
    whole.save_pretrained(tmp_path / "gpt2")
    card = folder_card("gpt2", FilesOnDisk(tmp_path), "gpt2", layers=2)
    pruned = prune(whole, 2).eval()
    assert (card.num_layers, card.num_parameters) == (2, pruned.num_parameters())
    tokens = torch.arange(8, 28)[None]
    whole.transformer.h = torch.nn.ModuleList([whole.transformer.h[0], whole.transformer.h[3]])
    with torch.no_grad():
        expected = whole(tokens, use_cache=False).logits
        torch.testing.assert_close(pruned(tokens, use_cache=False).logits, expected)


def test_settings_by_layer_that_the_job_would_refuse_are_refused_when_planned(tmp_path):
    whole = make_model(60, **TEACHER)
    whole.config.some_widths = [1, 1, 1, 0, 1]
    whole.save_pretrained(tmp_path / "odd")
    with pytest.raises(ValueError, match="some_widths of odd has 5 entries"):
        folder_card("odd", FilesOnDisk(tmp_path), "odd", layers=3)
    assert folder_card("odd", FilesOnDisk(tmp_path), "odd").num_layers == 5


def test_a_pruned_model_generates_with_its_cache_what_it_would_without():
    pruned = prune(make_model(60, **TEACHER), 3).eval()
    prompt = [9, 10, 11, 12]
    (found,) = generate_batch(pruned, [prompt], Sampling(12, frozenset({1})), [0])
    tokens = list(prompt)
    with torch.no_grad():
        for expected in found.tokens:
            logits = pruned(torch.tensor([tokens]), use_cache=False).logits[0, -1]
            assert int(logits.argmax()) == expected
            tokens.append(expected)


def test_a_pruned_model_is_saved_and_read_as_any_other(tmp_path):
    source = save_model(tmp_path / "whole", **TEACHER)
    pruned = load_model("small", str(source), layers=2)
    pruned.model.save_pretrained(tmp_path / "small")
    pruned.tokenizer.save_pretrained(tmp_path / "small")
    again = load_model("small", str(tmp_path / "small"))
    assert again.model.config.num_hidden_layers == len(again.model.config.layer_types) == 2
    torch.testing.assert_close(again.model.state_dict(), pruned.model.state_dict())


def test_the_planner_counts_the_parameters_that_are_left(tmp_path):
    source = save_model(tmp_path / "whole", **TEACHER)
    card = folder_card("small", FilesOnDisk(tmp_path), "whole", layers=3)
    small = load_model("small", str(source), layers=3)
    assert (card.num_layers, card.num_parameters) == (3, small.num_parameters)


def test_a_catalog_model_loses_the_same_share_for_each_layer():
    row = hub_models()["Qwen/Qwen2.5-0.5B-Instruct"]
    card = row.pruned_card("small", 12)
    # 24 equal layers of 14,912,384 parameters each, in 494,032,768
    assert (card.name, card.num_layers) == ("small", 12)
    assert card.num_parameters == pytest.approx(494_032_768 - 12 * 14_912_384, rel=1e-3)
    assert card.prior_accuracy is None
    with pytest.raises(ValueError, match="has 24 layers; `layers: 24` must be below"):
        row.pruned_card("small", 24)
