import pytest
import torch

from stratos.contracts.messages import Message
from stratos.contracts.records import TrainingRecord
from stratos.spec import Training
from tests.tiny_families import make_tiny
from tests.unit.training.tiny_models import make_local, make_tokenizer
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy, generalized_jsd
from training.objectives.objective import GoldTokens
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import TokenizedExample, encode, micro_batches


def test_the_objective_mixes_gold_tokens_with_the_teachers_distribution():
    student, teacher = make_local(seed=1), make_local(seed=2)
    record = TrainingRecord(
        id="1",
        messages=(Message(role="user", content="how?"),),
        completion="so #### 4",
        strategy="alignment",
    )
    (batch,) = micro_batches(encode([record], student.chat, max_tokens=99), 99)
    with torch.no_grad():
        ours = student.model(batch.tokens).logits[batch.predicts]
        theirs = teacher.model(batch.tokens).logits[batch.predicts]
    training = Training(kd_weight=0.3, jsd_beta=0.5, temperature=2.0)
    objective = TeacherDistribution(teacher, training, student.vocabulary_size)
    whole = slice(0, len(batch.targets))
    gold = cross_entropy(ours, batch.targets)
    kd = generalized_jsd(ours, theirs, beta=0.5, temperature=2.0)
    torch.testing.assert_close(objective.loss_of(batch)(ours, whole), 0.7 * gold + 0.3 * kd)
    torch.testing.assert_close(GoldTokens().loss_of(batch)(ours, whole), gold)


@pytest.mark.parametrize("family", ["gemma2", "granite", "olmo3", "lfm2", "qwen3_next"])
def test_a_teacher_reads_examples_that_share_a_row_as_if_alone(family):
    tokenizer = make_tokenizer()
    model = make_tiny(family, len(tokenizer))
    teacher = LocalModel(family, model, tokenizer, ChatFormat(tokenizer))
    examples = [TokenizedExample([*range(5, 5 + length)], 3) for length in (26, 14, 12)]
    training = Training(kd_weight=1.0, packing=True)
    objective = TeacherDistribution(teacher, training, len(tokenizer))
    (packed,) = micro_batches(examples, 64, packed=True)
    flat = torch.zeros((len(packed.targets), len(tokenizer)))
    alone = torch.zeros(())
    for batch in micro_batches(examples, 1):
        with torch.no_grad():
            theirs = model(batch.tokens).logits[batch.predicts]
        zeros = flat[: len(batch.targets)]
        alone = alone + generalized_jsd(zeros, theirs, beta=0.0)
    together = objective.loss_of(packed)(flat, slice(0, len(packed.targets)))
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
