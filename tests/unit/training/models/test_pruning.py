import pytest
import torch

from stratos.catalog.cards import folder_card
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.models import hub_models
from tests.unit.training.tiny_models import make_model, save_model
from training.models.generation import Sampling, generate_batch
from training.models.pruning import prune
from training.models.weights import load_model

TEACHER = {"num_hidden_layers": 5, "seed": 4}


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_a_pruned_model_computes_what_the_kept_layers_do(family):
    whole = make_model(60, family=family, **TEACHER)
    pruned = prune(whole, 3)
    tokens = torch.randint(8, 60, (2, 9), generator=torch.manual_seed(0))
    whole.model.layers = torch.nn.ModuleList(whole.model.layers[layer] for layer in (0, 2, 4))
    whole.config.num_hidden_layers = 3
    with torch.no_grad():
        expected = whole(tokens, use_cache=False).logits
        torch.testing.assert_close(pruned(tokens, use_cache=False).logits, expected)


def test_a_model_with_other_settings_by_layer_is_not_cut():
    whole = make_model(60, eos_token_id=[1, 2, 3, 4, 5], **TEACHER)
    assert prune(whole, 3).config.eos_token_id == [1, 2, 3, 4, 5]
    whole.config.no_rope_layers = [1, 1, 1, 0, 1]
    with pytest.raises(ValueError, match="no_rope_layers of Qwen3ForCausalLM has 5 entries"):
        prune(whole, 3)


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
