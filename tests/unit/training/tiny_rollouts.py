"""A tiny student with questions that it can be rewarded for."""

from stratos.contracts.messages import Message
from stratos.contracts.records import TrainingRecord
from stratos.spec import Regex
from tests.unit.training.tiny_models import make_local
from training.judging.judge import Judge
from training.learning.rollouts import read_questions
from training.student.student import Student

BEGINS_EARLY = Judge(Regex(kind="regex", pattern=r"[a-m][\s\S]*"), "####")


def make_student(method="full", seed=1):
    """A student that comes to an end soon: a third of its tokens end a reply."""
    local = make_local(vocabulary_size=90, seed=seed)
    local.chat.eos |= frozenset(range(0, 90, 3))
    return Student(local, method, "float32", 4, 0)


def make_questions(student, count=40, max_prompt_tokens=256):
    records = [
        TrainingRecord(
            id=str(number),
            messages=(Message(role="user", content=f"{number}?"),),
            completion="so",
            strategy="alignment",
        )
        for number in range(count)
    ]
    return read_questions(records, student, BEGINS_EARLY, max_prompt_tokens)
