"""Whether the token distributions of two models can be compared at all."""

from __future__ import annotations

from stratos.errors import IncompatibleVocabulary
from training.models.weights import LocalModel, tokenizer_hash


def same_tokenizer(one: LocalModel, other: LocalModel) -> bool:
    return tokenizer_hash(one.tokenizer) == tokenizer_hash(other.tokenizer)


def shared_vocabulary(student: LocalModel, teacher: LocalModel) -> int:
    """Return how many leading logits mean the same token in both models.

    Models of one family pad one vocabulary to different sizes (151,936 and 152,064 in Qwen2.5):
    the padding never occurs and is left out of the comparison.

    Raises:
        IncompatibleVocabulary: when the same text has different token ids.
    """
    size = min(student.vocabulary_size, teacher.vocabulary_size)
    if same_tokenizer(student, teacher):
        return size
    ours, theirs = student.tokenizer.get_vocab(), teacher.tokenizer.get_vocab()
    if ours == theirs:
        differ = "they split text differently"
    else:
        common = sum(theirs.get(token) == index for token, index in ours.items())
        differ = f"only {common:,} of {len(ours):,} tokens have the same id in both"
    raise IncompatibleVocabulary(
        f"teacher {teacher.name!r} and student {student.name!r} have different tokenizers "
        f"({differ}), so their token distributions cannot be compared. Set training.kd_weight to 0 "
        "to distil from the teacher's text, which needs no common tokenizer; or set "
        "training.cross_tokenizer to align, to compare them where both end a token; or pick a "
        "teacher of the student's family"
    )
