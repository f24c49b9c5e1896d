import pytest
import torch
from torch.autograd import gradcheck

from training.objectives.losses import (
    clipped_policy_loss,
    cross_entropy,
    generalized_jsd,
    reference_penalty,
    sampled_cross_entropy,
    token_log_probs,
)
from training.student.chunked_loss import projected_loss

TOKENS, VOCABULARY, HIDDEN = 6, 11, 4
BETAS = [0.0, 0.1, 0.5, 0.9, 1.0]


def draw(*shape, seed=0, grad=False, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(*shape, generator=generator, dtype=torch.double) * scale
    return drawn.requires_grad_(grad)


def logits(seed, grad=False):
    return draw(TOKENS, VOCABULARY, seed=seed, grad=grad, scale=2.0)


def targets():
    return torch.arange(TOKENS) % VOCABULARY


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("beta", BETAS)
def test_a_divergence_is_zero_only_when_the_student_matches(beta, temperature):
    student, teacher = logits(0), logits(1)
    same = generalized_jsd(student, student + 3.0, beta=beta, temperature=temperature)
    torch.testing.assert_close(same, torch.zeros_like(same), atol=1e-12, rtol=0)
    assert generalized_jsd(student, teacher, beta=beta, temperature=temperature) > 0.01


def test_it_is_symmetric_at_one_half_and_swaps_elsewhere():
    one, other = logits(0), logits(1)
    for beta in (0.2, 0.5, 0.8):
        torch.testing.assert_close(
            generalized_jsd(one, other, beta=beta), generalized_jsd(other, one, beta=1 - beta)
        )


def test_its_ends_are_forward_and_reverse_kl():
    student, teacher = logits(0), logits(1)
    p, q = teacher.softmax(-1), student.softmax(-1)
    forward, reverse = (p * (p / q).log()).sum(), (q * (q / p).log()).sum()
    torch.testing.assert_close(generalized_jsd(student, teacher, beta=0.0), forward)
    torch.testing.assert_close(generalized_jsd(student, teacher, beta=1.0), reverse)
    small = 1e-6
    near_zero = generalized_jsd(student, teacher, beta=small) / small
    near_one = generalized_jsd(student, teacher, beta=1 - small) / small
    torch.testing.assert_close(near_zero, forward, rtol=1e-4, atol=0)
    torch.testing.assert_close(near_one, reverse, rtol=1e-4, atol=0)


def test_it_is_bounded_by_the_entropy_of_the_mixture():
    far_one = torch.tensor([[60.0, 0.0]], dtype=torch.double)
    far_other = torch.tensor([[0.0, 60.0]], dtype=torch.double)
    jsd = generalized_jsd(far_one, far_other, beta=0.5)
    torch.testing.assert_close(jsd, torch.tensor(2.0, dtype=torch.double).log())


def test_temperature_keeps_the_size_of_the_gradient():
    """At high temperature T²·KL tends to half the squared distance of centred logits over V."""
    student, teacher = logits(0, grad=True), logits(1)
    generalized_jsd(student, teacher, beta=0.0, temperature=1e4).backward()
    centred = (student - student.mean(-1, keepdim=True)) - (
        teacher - teacher.mean(-1, keepdim=True)
    )
    torch.testing.assert_close(student.grad, centred.detach() / VOCABULARY, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("beta", BETAS)
def test_gradients_of_divergences_are_right(beta):
    def loss(student):
        return generalized_jsd(student, logits(1), beta=beta, temperature=1.7)

    assert gradcheck(loss, (logits(0, grad=True),))


def test_gradients_of_the_sampled_loss_are_right():
    indices = logits(1).topk(4).indices
    weights = torch.full((TOKENS, 4), 0.25, dtype=torch.double)
    student = logits(0, grad=True)
    assert gradcheck(lambda x: sampled_cross_entropy(x, indices, weights, 1.3), (student,))


def test_tokens_drawn_from_the_teacher_give_the_gradient_of_forward_kl():
    student, teacher = logits(0, grad=True), logits(1)
    generalized_jsd(student, teacher, beta=0.0).backward()
    exact = student.grad.clone()
    draws = 40_000
    drawn = torch.multinomial(
        teacher.softmax(-1),
        draws,
        replacement=True,
        generator=torch.Generator().manual_seed(0),
    )
    student.grad = None
    shares = torch.full(drawn.shape, 1 / draws, dtype=torch.double)
    sampled_cross_entropy(student, drawn, shares).backward()
    torch.testing.assert_close(student.grad, exact, atol=0.02, rtol=0)


def policy(seed=0):
    """Log-probabilities of the targets, and the logits they came from."""
    scores = logits(seed, grad=True)
    return token_log_probs(scores, targets()), scores


def test_no_advantage_moves_nothing():
    chosen, scores = policy()
    clipped_policy_loss(chosen, chosen.detach() - 0.1, torch.zeros(TOKENS).double(), 0.2).backward()
    assert not scores.grad.any()


def test_the_policy_that_wrote_the_tokens_is_pushed_as_reinforce_pushes_it():
    advantages = draw(TOKENS, seed=5)
    chosen, scores = policy()
    clipped_policy_loss(chosen, chosen.detach(), advantages, 0.2).backward()
    plain, others = policy()
    (-(plain * advantages).sum()).backward()
    torch.testing.assert_close(scores.grad, others.grad)


@pytest.mark.parametrize(
    ("drift", "advantage", "moves"),
    [(0.5, 1.0, False), (-0.5, 1.0, True), (0.5, -1.0, True), (-0.5, -1.0, False)],
)
def test_a_policy_that_already_went_the_way_of_the_advantage_is_left_alone(drift, advantage, moves):
    """Beyond the clip only steps back towards the old policy count."""
    chosen, scores = policy()
    advantages = torch.full((TOKENS,), advantage).double()
    clipped_policy_loss(chosen, chosen.detach() - drift, advantages, 0.2).backward()
    assert bool(scores.grad.any()) is moves


@pytest.mark.parametrize("clip", [0.05, 0.2])
def test_gradients_of_the_policy_losses_are_right(clip):
    old = policy(seed=3)[0].detach()
    advantages = draw(TOKENS, seed=5)

    def loss(scores):
        chosen = token_log_probs(scores, targets())
        return clipped_policy_loss(chosen, old, advantages, clip) + reference_penalty(chosen, old)

    assert gradcheck(loss, (logits(0, grad=True),))


def test_the_penalty_is_zero_at_the_reference_and_its_mean_is_the_divergence():
    chosen, _ = policy()
    assert float(reference_penalty(chosen, chosen.detach()).detach()) == 0.0
    ours, reference = logits(0)[:1].log_softmax(-1), logits(1)[:1].log_softmax(-1)
    every = torch.arange(VOCABULARY)
    each = torch.stack([reference_penalty(ours[:, i], reference[:, i]) for i in every])
    assert (each > 0).all()
    expected = (ours[0].exp() * each).sum()
    torch.testing.assert_close(expected, generalized_jsd(ours, reference, beta=1.0))


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
