import pytest
import torch

from stratos.errors import TooFewVerifiedRecords
from stratos.records import Message, TrainingRecord
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.chat import ChatFormat
from training.data import BatchPlan, Example, encode, micro_batches, split_validation
from training.losses import cross_entropy
from training.student import Student
from training.weights import LocalModel


def make_record(number, completion="because\n#### 4", answer="4"):
    return TrainingRecord(
        id=str(number),
        messages=(Message(role="user", content=f"question {number}"),),
        completion=completion,
        answer=answer,
        strategy="injection",
    )


def make_examples(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(6, 40, (count,), generator=generator).tolist()
    return [
        Example(torch.randint(8, 60, (length,), generator=generator).tolist(), 2 + length // 3)
        for length in lengths
    ]


@pytest.fixture(scope="module")
def student():
    model, tokenizer = make_model(60), make_tokenizer()
    local = LocalModel("tiny", model, tokenizer, ChatFormat(tokenizer))
    return Student(local, "full", "float32", lora_rank=4, seed=0)


def loss_of(student, batches):
    total = torch.zeros(())
    with torch.no_grad():
        for batch in batches:
            states = student.hidden_states(batch.tokens)[batch.predicts]
            total += cross_entropy(states @ student.head_weight.T, batch.targets)
    return total


def test_only_the_completion_carries_loss():
    chat = ChatFormat(make_tokenizer())
    (example,) = encode([make_record(1)], chat, max_tokens=100)
    (batch,) = micro_batches([example], 100)
    assert batch.targets.tolist() == chat.completions(["because\n#### 4"])[0]


def test_answers_only_leaves_the_rationale_out():
    chat = ChatFormat(make_tokenizer())
    (example,) = encode([make_record(1)], chat, max_tokens=100, answers_only_marker="####")
    assert example.tokens[example.prompt_length :] == chat.completions(["#### 4"])[0]


def test_too_long_records_are_left_out_and_never_cut():
    chat = ChatFormat(make_tokenizer())
    records = [make_record(1), make_record(2, completion="x" * 300)]
    assert len(encode(records, chat, max_tokens=100)) == 1
    with pytest.raises(TooFewVerifiedRecords, match="none of 1 records fits in 10 tokens"):
        encode(records[:1], chat, max_tokens=10)


def test_batching_does_not_change_the_loss(student):
    examples = make_examples(23)
    alone = loss_of(student, [batch for one in examples for batch in micro_batches([one], 1)])
    together = loss_of(student, micro_batches(examples, 200))
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)


def test_an_epoch_holds_every_example_once_in_steps_of_even_size():
    examples = make_examples(101)
    plan = BatchPlan(examples, batch_tokens=300, micro_tokens=128, seed=5)
    steps = [plan.step(index) for index in range(plan.steps_per_epoch)]
    sizes = [sum(batch.num_tokens for batch in step) for step in steps]
    assert sum(sizes) == plan.num_tokens
    assert max(sizes) <= 300 + 2 * 40
    rows = [
        tuple(row[row != 0].tolist()) for step in steps for batch in step for row in batch.tokens
    ]
    assert sorted(rows) == sorted(tuple(example.tokens) for example in examples)


def test_a_step_is_a_function_of_seed_and_index_alone():
    examples = make_examples(50)

    def step(plan, index):
        return [batch.tokens.tolist() for batch in plan.step(index)]

    one, other = (BatchPlan(examples, batch_tokens=300, micro_tokens=128, seed=5) for _ in range(2))
    walked = [step(one, index) for index in range(8)]
    assert [step(other, index) for index in (7, 0, 3)] == [walked[7], walked[0], walked[3]]
    assert walked[0] != walked[one.steps_per_epoch]
    reseeded = BatchPlan(examples, batch_tokens=300, micro_tokens=128, seed=6)
    assert step(reseeded, 0) != walked[0]


def test_micro_batches_stay_within_their_tokens():
    for batch in micro_batches(make_examples(60), 200):
        assert batch.tokens.numel() <= 200 or batch.tokens.shape[0] == 1


def test_validation_takes_a_twentieth_and_spares_small_sets():
    learned, validation = split_validation(make_examples(200), seed=0)
    assert (len(learned), len(validation)) == (190, 10)
    assert split_validation(make_examples(19), seed=0)[1] == []
