"""A loss in chunks is the loss as a whole, in less memory."""

import pytest
import torch
from torch.autograd import gradcheck

from training.objectives.losses import cross_entropy, generalized_jsd
from training.student.chunked_loss import projected_loss

TOKENS, VOCABULARY, HIDDEN = 6, 11, 4


def draw(*shape, seed=0, grad=False, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(*shape, generator=generator, dtype=torch.double) * scale
    return drawn.requires_grad_(grad)


def logits(seed, grad=False):
    return draw(TOKENS, VOCABULARY, seed=seed, grad=grad, scale=2.0)


def targets():
    return torch.arange(TOKENS) % VOCABULARY


@pytest.mark.parametrize("chunk_tokens", [1, 2, 4, 6, 100])
@pytest.mark.parametrize("beta", [None, 0.0, 0.5, 1.0])
def test_chunked_equals_dense(beta, chunk_tokens):
    teacher = logits(1)

    def loss_of(rows_logits, rows):
        if beta is None:
            return cross_entropy(rows_logits, targets()[rows])
        return generalized_jsd(rows_logits, teacher[rows], beta=beta)

    def gradients(chunk):
        hidden = draw(TOKENS, HIDDEN, seed=2, grad=True)
        weight = draw(VOCABULARY, HIDDEN, seed=3, grad=True)
        loss = projected_loss(hidden, weight, loss_of, chunk)
        (3.0 * loss).backward()
        return loss.detach(), hidden.grad, weight.grad

    for ours, dense in zip(gradients(chunk_tokens), gradients(TOKENS), strict=True):
        torch.testing.assert_close(ours, dense)


def test_chunked_equals_dense_to_one_part_in_a_hundred_thousand_in_float32():
    hidden = draw(64, 16, seed=2).float()
    weight = draw(500, 16, seed=3).float()
    wanted = torch.arange(64)

    def loss_of(rows_logits, rows):
        return cross_entropy(rows_logits, wanted[rows])

    dense = projected_loss(hidden, weight, loss_of, 64)
    torch.testing.assert_close(projected_loss(hidden, weight, loss_of, 7), dense, rtol=1e-5, atol=0)


def test_gradients_of_the_chunked_form_are_right():
    def loss(hidden, weight):
        return projected_loss(
            hidden, weight, lambda part, rows: cross_entropy(part, targets()[rows]), 2
        )

    arguments = (
        draw(TOKENS, HIDDEN, seed=2, grad=True),
        draw(VOCABULARY, HIDDEN, seed=3, grad=True),
    )
    assert gradcheck(loss, arguments)


def test_no_gradient_is_made_where_none_is_wanted():
    hidden = draw(TOKENS, HIDDEN, seed=2, grad=True)
    weight = draw(VOCABULARY, HIDDEN, seed=3)
    projected_loss(
        hidden, weight, lambda part, rows: cross_entropy(part, targets()[rows]), 2
    ).backward()
    assert weight.grad is None
    assert hidden.grad is not None


def test_the_chunked_form_never_holds_all_logits():
    """The largest tensor that the operators see is one chunk's logits or the head."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        elements = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for one in out if isinstance(out, tuple | list) else [out]:
                if isinstance(one, torch.Tensor):
                    self.elements = max(self.elements, one.numel())
            return out

    hidden = draw(200, HIDDEN, seed=2, grad=True)
    weight = draw(300, HIDDEN, seed=3, grad=True)
    wanted = torch.arange(200)
    with Largest() as seen:
        projected_loss(
            hidden, weight, lambda part, rows: cross_entropy(part, wanted[rows]), 10
        ).backward()
    assert seen.elements == 10 * 300


def test_the_chunked_form_computes_no_gradient_that_nobody_wants():
    hidden, weight = draw(TOKENS, HIDDEN, seed=2), draw(VOCABULARY, HIDDEN, seed=3, grad=True)
    computed = []

    def loss_of(logits, rows):
        logits.register_hook(lambda _: computed.append(rows))
        return cross_entropy(logits, targets()[rows])

    with torch.no_grad():
        unwanted = projected_loss(hidden, weight, loss_of, 2)
    assert computed == []
    torch.testing.assert_close(unwanted, projected_loss(hidden, weight, loss_of, 2).detach())
    assert len(computed) == -(-TOKENS // 2)
