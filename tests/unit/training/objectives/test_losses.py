import pytest
import torch
from torch.autograd import gradcheck

from training.objectives.losses import (
    clipped_policy_loss,
    generalized_jsd,
    reference_penalty,
    sampled_cross_entropy,
    token_log_probs,
)

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


def test_the_divergence_is_symmetric_at_one_half_and_swaps_elsewhere():
    one, other = logits(0), logits(1)
    for beta in (0.2, 0.5, 0.8):
        torch.testing.assert_close(
            generalized_jsd(one, other, beta=beta), generalized_jsd(other, one, beta=1 - beta)
        )


def test_the_ends_of_the_divergence_are_forward_and_reverse_kl():
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


def test_the_divergence_is_bounded_by_the_entropy_of_the_mixture():
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
