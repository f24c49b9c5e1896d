import pytest
import torch

from stratos.spec import Training
from tests.unit.training.tiny_models import make_local
from training.objectives.losses import cross_entropy
from training.objectives.sparse_teacher import DRAWS, SparseTeacher
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import TokenizedExample, micro_batches

VOCABULARY = 60
ALIKE = Training(kd_weight=1.0)
EXAMPLES = [TokenizedExample([8 + number, 9, *range(10, 14 + number)], 2) for number in range(12)]


@pytest.fixture(scope="module")
def teacher():
    return make_local(vocabulary_size=VOCABULARY, seed=3)


def make_sparse(teacher, micro_tokens=60, **settings):
    return SparseTeacher(
        teacher,
        EXAMPLES,
        Training(kd_weight=1.0, **settings),
        vocabulary=VOCABULARY,
        micro_tokens=micro_tokens,
    )


def gradient_of(objective, batch, logits):
    leaf = logits.clone().requires_grad_()
    objective.loss_of(batch)(leaf, slice(None)).backward()
    return leaf.grad


def test_a_sparse_teacher_keeps_at_most_300_bytes_a_token(teacher):
    drawn = make_sparse(teacher)._drawn.values()
    kept = sum(one.indices.nbytes + one.counts.nbytes for one in drawn)
    assert 0 < kept <= 300 * sum(len(one.indices) for one in drawn)


def test_draws_belong_to_the_example_and_not_to_its_batch(teacher):
    (batch,) = micro_batches(EXAMPLES, 10_000)
    logits = torch.randn(len(batch.targets), VOCABULARY)
    losses = [
        make_sparse(teacher, micro_tokens).loss_of(batch)(logits, slice(None))
        for micro_tokens in (17, 60, 10_000)
    ]
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(losses[2], losses[0])


def test_packed_examples_find_their_own_draws(teacher):
    (apart,) = micro_batches(EXAMPLES, 10_000)
    (packed,) = micro_batches(EXAMPLES, 10_000, packed=True)
    assert len(packed.tokens) < len(apart.tokens)
    rows = {
        tuple(batch.tokens[row, columns][:2].tolist()): number
        for batch in (packed,)
        for number, (row, columns) in enumerate(batch.examples())
    }
    logits = torch.randn(len(apart.targets), VOCABULARY)
    parts = torch.split(logits, [len(one.tokens) - one.prompt_length for one in apart_order()])
    order = [rows[tuple(one.tokens[:2])] for one in apart_order()]
    reordered = torch.cat(
        [part for _, part in sorted(zip(order, parts, strict=True), key=lambda pair: pair[0])]
    )
    for sparse in (make_sparse(teacher), TeacherDistribution(teacher, ALIKE, VOCABULARY)):
        torch.testing.assert_close(
            sparse.loss_of(packed)(reordered, slice(None)),
            sparse.loss_of(apart)(logits, slice(None)),
        )


def apart_order():
    return sorted(EXAMPLES, key=lambda one: -len(one.tokens))


def test_the_expected_gradient_of_the_draws_is_that_of_forward_kl(teacher):
    (batch,) = micro_batches(EXAMPLES[:3], 10_000)
    logits = torch.randn(len(batch.targets), VOCABULARY, generator=torch.manual_seed(0))
    online = TeacherDistribution(teacher, Training(kd_weight=1.0), VOCABULARY)
    exact = gradient_of(online, batch, logits)
    seeds = 60
    mean = (
        sum(
            gradient_of(make_sparse(teacher, seed=1_000_003 * seed), batch, logits)
            for seed in range(seeds)
        )
        / seeds
    )
    # A probability estimated from n draws deviates by at most 1/(2·√n) in one standard deviation.
    assert (mean - exact).abs().max() < 5 * 0.5 / (seeds * DRAWS) ** 0.5


def test_the_draws_are_mixed_with_the_gold_tokens(teacher):
    (batch,) = micro_batches(EXAMPLES, 10_000)
    logits = torch.randn(len(batch.targets), VOCABULARY)
    whole = slice(None)
    sparse = make_sparse(teacher).loss_of(batch)(logits, whole)
    mixed = SparseTeacher(
        teacher,
        EXAMPLES,
        Training(kd_weight=0.25),
        vocabulary=VOCABULARY,
        micro_tokens=60,
    ).loss_of(batch)(logits, whole)
    gold = cross_entropy(logits, batch.targets)
    torch.testing.assert_close(mixed, 0.75 * gold + 0.25 * sparse)
