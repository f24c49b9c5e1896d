"""Training of every family computes what the model itself would."""

import pytest
import torch

from benchmarks.families import tiny
from tests.tiny_families import FAMILIES, HYBRIDS, MIXTURES, make_tiny
from tests.unit.training.tiny_models import make_tokenizer
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy
from training.student import chunked_loss
from training.student.batches import TokenizedExample, micro_batches
from training.student.student import Student

TOKENIZER = make_tokenizer()
ADAPTED = {
    "qwen3_next": {"self_attn", "linear_attn"},
    "granitemoehybrid": {"self_attn", "mamba", "shared_mlp"},
}
EXAMPLES = [
    TokenizedExample([(7 * start + 3 * step) % 80 + 5 for step in range(length)], 4)
    for start, length in ((1, 26), (2, 14), (3, 12))
]
"""Longer than the windows of the tiny models; the last two fit into a row of the first."""


def make_student(family, method, *, seed=0):
    model = make_tiny(family, len(TOKENIZER), seed)
    local = LocalModel(family, model, TOKENIZER, ChatFormat(TOKENIZER))
    return Student(local, method, "float32", 4, seed)


def loss_of(student, batch):
    return student.loss(batch, lambda logits, rows: cross_entropy(logits, batch.targets[rows]))


def plain_loss(student, batch):
    """Through the model's own forward pass, logits and all."""
    logits = student.trained(input_ids=batch.tokens, use_cache=False).logits
    return cross_entropy(logits[batch.predicts], batch.targets)


def gradients(student, loss):
    student.trained.zero_grad()
    loss.backward()
    return {
        name: torch.zeros_like(part) if part.grad is None else part.grad.clone()
        for name, part in student.trainable().items()
    }


def randomize_adapters(student):
    """An adapter that is still nothing has no gradient in its first half."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part in student.trainable().values():
            part.add_(torch.randn(part.shape, generator=generator) * 0.05)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_chunked_loss_and_its_gradients_are_the_models_own(family, method, monkeypatch):
    monkeypatch.setattr(chunked_loss, "chunk_tokens", lambda *_: 5)
    student = make_student(family, method)
    if method == "lora":
        randomize_adapters(student)
    for batch in micro_batches(EXAMPLES, 64):
        expected, found = plain_loss(student, batch), loss_of(student, batch)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(
            gradients(student, found), gradients(student, expected), rtol=1e-3, atol=2e-4
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_examples_that_share_a_row_learn_as_if_alone_or_the_family_is_known_not_to(family):
    student = make_student(family, "full")
    assert student.keeps_apart() is (family not in HYBRIDS)
    (packed,) = micro_batches(EXAMPLES, 64, packed=True)
    assert packed.positions is not None
    with torch.no_grad():
        together = loss_of(student, packed)
        alone = sum(loss_of(student, batch) for batch in micro_batches(EXAMPLES, 1))
    assert torch.isclose(together, alone, rtol=1e-4) == student.keeps_apart()


@pytest.mark.parametrize("family", [*MIXTURES, "qwen3_next", "granitemoehybrid"])
def test_an_adapter_leaves_experts_and_routers_alone(family):
    student = make_student(family, "lora")
    adapted = {name.partition(".lora_")[0] for name in student.trainable()}
    kinds = {name.rsplit(".", 2)[1] for name in adapted}
    assert kinds == ADAPTED.get(family, {"self_attn"})
    assert not any("expert" in name or name.endswith(".gate") for name in adapted)
    (batch, *_) = micro_batches(EXAMPLES, 64)
    assert torch.isfinite(loss_of(student, batch))


def test_an_adapter_leaves_alone_what_the_kernels_of_a_state_space_read_past_it():
    model = tiny("falcon_h1", len(TOKENIZER))
    local = LocalModel("falcon_h1", model, TOKENIZER, ChatFormat(TOKENIZER))
    student = Student(local, "lora", "float32", 4, 0)
    adapted = {name.split(".lora_")[0].rsplit(".", 1)[1] for name in student.trainable()}
    assert adapted >= {"in_proj", "q_proj", "down_proj"}
    assert "out_proj" not in adapted


@pytest.mark.parametrize("model_type", ["phimoe", "deepseek_v4"])
def test_an_adapter_leaves_alone_the_routers_and_grouped_projections_that_it_does_not_fit(
    model_type,
):
    model = tiny(model_type, len(TOKENIZER))
    local = LocalModel(model_type, model, TOKENIZER, ChatFormat(TOKENIZER))
    student = Student(local, "lora", "float32", 4, 0)
    randomize_adapters(student)
    student.trained.eval()  # routers add noise in training
    (batch,) = micro_batches(EXAMPLES[:1], 64)
    torch.testing.assert_close(loss_of(student, batch), plain_loss(student, batch))
