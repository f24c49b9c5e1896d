"""The parts that every decoder has."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.unit.training.tiny_models import make_local, make_model
from training.models.decoder import body_states, decoder_layers, require_plain_head


def test_the_head_projects_the_body_to_the_models_own_logits():
    model = make_model(60)
    tokens = torch.tensor([[9, 10, 11], [9, 12, 0]])
    with torch.no_grad():
        projected = body_states(model, tokens) @ model.get_output_embeddings().weight.T
        torch.testing.assert_close(projected, model(tokens).logits)


def test_the_layers_of_an_unknown_architecture_are_not_guessed():
    assert len(decoder_layers(make_model(60, num_hidden_layers=3))) == 3
    other = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(ValueError, match="GPT2LMHeadModel has no list of decoder layers; pick"):
        decoder_layers(other)


def test_a_head_that_does_more_than_project_is_refused():
    local = make_local()
    require_plain_head(local)
    local.model.config.final_logit_softcapping = 30.0
    with pytest.raises(ValueError, match=r"tiny changes its logits .*final_logit_softcapping"):
        require_plain_head(local)
    local.model.config.final_logit_softcapping = None
    local.model.get_output_embeddings().bias = torch.nn.Parameter(torch.zeros(60))
    with pytest.raises(ValueError, match=r"lm_head\.bias"):
        require_plain_head(local)
