"""The parts that every decoder has."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.tiny_families import FAMILIES, HYBRIDS, make_tiny
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.models.chat import ChatFormat
from training.models.decoder import body_states, decoder_layers, restarts_isolate
from training.models.weights import LocalModel

TOKENIZER = make_tokenizer()


def test_the_head_projects_the_body_to_the_models_own_logits():
    model = make_model(60)
    tokens = torch.tensor([[9, 10, 11], [9, 12, 0]])
    with torch.no_grad():
        projected = body_states(model, tokens) @ model.get_output_embeddings().weight.T
        torch.testing.assert_close(projected, model(tokens).logits)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_layers_in_one_list(family):
    assert len(decoder_layers(make_tiny(family, 60))) == 4


def test_layers_are_found_under_another_name_and_never_guessed():
    other = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=3, n_head=1))
    assert len(decoder_layers(other)) == 3
    del other.transformer.h
    with pytest.raises(ValueError, match="GPT2LMHeadModel has no list of decoder layers; train"):
        decoder_layers(other)


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_starts_again_with_the_positions_and_states_go_on(family):
    model = make_tiny(family, len(TOKENIZER)).train()
    local = LocalModel(family, model, TOKENIZER, ChatFormat(TOKENIZER))
    assert restarts_isolate(local) is (family not in HYBRIDS)
    assert model.training
