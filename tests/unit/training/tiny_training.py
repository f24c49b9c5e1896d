"""A tiny student trained for some steps, and clocks that end it early."""

import torch

from stratos.spec import Training
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.container.clock import JobClock
from training.container.world import ALONE
from training.learning.checkpoints import Checkpoints
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.objective import GoldTokens
from training.student.batches import BatchPlan, TokenizedExample, micro_batches
from training.student.student import Student

EVERY_STEP = {"min_checkpoint_seconds": 0.0, "checkpoint_cost_share": float("inf")}


def learnable_examples(count=60):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(6, 20, (count,), generator=generator).tolist()
    return [TokenizedExample([8 + n % 5 for n in range(length)], 2) for length in lengths]


def random_examples(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(6, 40, (count,), generator=generator).tolist()
    return [
        TokenizedExample(
            torch.randint(8, 60, (length,), generator=generator).tolist(), 2 + length // 3
        )
        for length in lengths
    ]


class EndsAfter(JobClock):
    """Says that SIGTERM came once it has been asked so often."""

    def __init__(self, asked):
        super().__init__(deadline_seconds=1e9)
        self._left = asked

    def must_end(self, reserve_seconds=0.0):
        self._left -= 1
        return "sigterm" if self._left < 0 else super().must_end(reserve_seconds)


def train(
    folder=None,
    *,
    planned=24,
    optimizer="adamw",
    method="full",
    clock=None,
    rate=1e-2,
    on_step=lambda *_: None,
    model=None,
    world=ALONE,
):
    tokenizer = make_tokenizer()
    model = model or make_model(60, seed=1)
    local = LocalModel("tiny", model, tokenizer, ChatFormat(tokenizer))
    student = Student(local, method, "float32", lora_rank=4, seed=0)
    if world.size > 1:
        student.shard()
    examples = learnable_examples()
    outcome = Trainer(
        student,
        BatchPlan(examples[4:], batch_tokens=200, micro_tokens=100, seed=0),
        micro_batches(examples[:4], 100),
        GoldTokens(),
        Optimizers(student.trained, Training(optimizer=optimizer), rate),
        TrainingSchedule(planned, rate, **EVERY_STEP),
        Checkpoints(folder) if folder is not None else None,
        clock or JobClock(1e9),
        on_step,
        world,
    ).run()
    return student, outcome


def weights_of(student):
    return {name: parameter.detach().clone() for name, parameter in student.trainable().items()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
