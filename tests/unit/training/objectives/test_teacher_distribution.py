import torch

from stratos.contracts.records import Message, TrainingRecord
from stratos.spec import Training
from tests.unit.training.tiny_models import make_local
from training.objectives.losses import cross_entropy, generalized_jsd
from training.objectives.objective import GoldTokens
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import encode, micro_batches


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
