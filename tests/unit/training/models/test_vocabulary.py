import pytest

from stratos.errors import IncompatibleVocabulary
from tests.unit.training.tiny_models import make_local, make_tokenizer
from training.models.vocabulary import shared_vocabulary


def test_padded_sizes_of_one_vocabulary_share_the_smaller():
    size = len(make_tokenizer())
    student = make_local(name="student", vocabulary_size=size + 3)
    teacher = make_local(name="teacher", vocabulary_size=size + 64)
    assert shared_vocabulary(student, teacher) == size + 3


def test_different_tokenizers_are_refused_with_the_fallback_named():
    student = make_local(make_tokenizer(list("Straos?xy")), name="student")
    teacher = make_local(make_tokenizer(list("Straos?yx")), name="teacher")
    with pytest.raises(IncompatibleVocabulary, match="13 of 15 tokens") as caught:
        shared_vocabulary(student, teacher)
    assert "Set training.kd_weight to 0" in str(caught.value)
