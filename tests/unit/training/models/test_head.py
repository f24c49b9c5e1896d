"""Logits as the model itself makes them."""

import pytest
import torch

from tests.tiny_families import FAMILIES, make_tiny
from tests.unit.training.tiny_models import make_local, make_tokenizer
from training.models.chat import ChatFormat
from training.models.decoder import body_states
from training.models.head import read_head
from training.models.weights import LocalModel

TOKENIZER = make_tokenizer()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_makes_the_models_own_logits(family):
    model = make_tiny(family, len(TOKENIZER))
    head = read_head(LocalModel(family, model, TOKENIZER, ChatFormat(TOKENIZER)))
    tokens = torch.tensor([[9, 10, 11, 40], [9, 12, 60, 7]])
    with torch.no_grad():
        expected = model(tokens).logits
        torch.testing.assert_close(head.logits(body_states(model, tokens)), expected)
        torch.testing.assert_close(head.logits(body_states(model, tokens), 50), expected[..., :50])
    known = {
        "granite": (0.5, None),
        "granitemoe": (0.5, None),
        "granitemoehybrid": (0.5, None),
        "cohere2": (0.25, None),
        "gemma2": (1.0, 3.0),
    }
    assert (head.scale, head.softcap) == known.get(family, (1.0, None))
    assert (head.bias is not None) == (family == "phi")


def test_a_bfloat16_model_is_held_against_its_own_logits():
    model = make_tiny("gemma2", len(TOKENIZER)).to(torch.bfloat16)
    head = read_head(LocalModel("m", model, TOKENIZER, ChatFormat(TOKENIZER)))
    assert head.softcap == 3.0


def test_a_model_that_does_something_else_to_its_logits_is_refused_in_words():
    local = make_local()
    model = local.model.train()
    forward = model.forward

    def squared(*args, **kwargs):
        output = forward(*args, **kwargs)
        output.logits = output.logits.square()
        return output

    model.forward = squared
    with pytest.raises(ValueError, match=r"tiny \(Qwen3For.* changes its logits .*kd_weight"):
        read_head(local)
    assert model.training


def test_a_model_without_a_body_of_its_own_is_refused_in_words():
    local = make_local()
    local.model.base_model_prefix = ""
    with pytest.raises(ValueError, match="no projection of hidden states"):
        read_head(local)
