import pytest
import torch

from stratos.contracts.records import Message, TrainingRecord
from stratos.errors import IncompatibleVocabulary
from stratos.spec import Training
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.models.chat import ChatFormat
from training.models.vocabulary import shared_vocabulary
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy, generalized_jsd
from training.objectives.objective import GoldTokens
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import encode, micro_batches


def make_local(name, *, characters=None, vocabulary_size=None, seed=0):
    tokenizer = make_tokenizer(characters) if characters else make_tokenizer()
    model = make_model(vocabulary_size or len(tokenizer), seed=seed)
    return LocalModel(name, model, tokenizer, ChatFormat(tokenizer))


def test_padded_sizes_of_one_vocabulary_share_the_smaller():
    size = len(make_tokenizer())
    student = make_local("student", vocabulary_size=size + 3)
    teacher = make_local("teacher", vocabulary_size=size + 64)
    assert shared_vocabulary(student, teacher) == size + 3


def test_different_tokenizers_are_refused_with_the_fallback_named():
    student = make_local("student", characters=list("Straos?xy"))
    teacher = make_local("teacher", characters=list("Straos?yx"))
    with pytest.raises(IncompatibleVocabulary, match="13 of 15 tokens") as caught:
        shared_vocabulary(student, teacher)
    assert "Set training.kd_weight to 0" in str(caught.value)


def test_the_objective_mixes_gold_tokens_with_the_teachers_distribution():
    student, teacher = make_local("student", seed=1), make_local("teacher", seed=2)
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
