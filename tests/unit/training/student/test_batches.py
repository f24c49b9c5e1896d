import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import Message, NamedTool, ToolCall, calls_text
from stratos.contracts.records import TrainingRecord
from stratos.errors import TooFewVerifiedRecords
from stratos.planning.forecast.devices import micro_tokens
from tests import tool_templates
from tests.unit.training.calling_models import OSLO, WEATHER
from tests.unit.training.tiny_models import make_local, make_tokenizer, tool_tokenizer
from tests.unit.training.tiny_training import random_examples
from training.models.chat import ChatFormat, Dialogue, ModelReply
from training.models.decoder import body_states
from training.objectives.losses import cross_entropy
from training.objectives.objective import GoldTokens
from training.student.batches import (
    BatchPlan,
    TokenizedExample,
    encode,
    micro_batches,
    split_validation,
)
from training.student.student import Student


def make_record(number, completion="because\n#### 4", answer="4"):
    return TrainingRecord(
        id=str(number),
        messages=(Message(role="user", content=f"question {number}"),),
        completion=completion,
        answer=answer,
        strategy="injection",
    )


@pytest.fixture(scope="module")
def student():
    return Student(make_local(vocabulary_size=60), "full", "float32", lora_rank=4, seed=0)


def loss_of(student, batches):
    total = torch.zeros(())
    with torch.no_grad():
        for batch in batches:
            states = body_states(student.model, batch.tokens)[batch.predicts]
            total += cross_entropy(states @ student.model.lm_head.weight.T, batch.targets)
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
    examples = random_examples(23)
    alone = loss_of(student, [batch for one in examples for batch in micro_batches([one], 1)])
    together = loss_of(student, micro_batches(examples, 200))
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)


def test_an_epoch_holds_every_example_once_in_steps_of_even_size():
    examples = random_examples(101)
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
    examples = random_examples(50)

    def step(plan, index):
        return [batch.tokens.tolist() for batch in plan.step(index)]

    one, other = (BatchPlan(examples, batch_tokens=300, micro_tokens=128, seed=5) for _ in range(2))
    walked = [step(one, index) for index in range(8)]
    assert [step(other, index) for index in (7, 0, 3)] == [walked[7], walked[0], walked[3]]
    assert walked[0] != walked[one.steps_per_epoch]
    reseeded = BatchPlan(examples, batch_tokens=300, micro_tokens=128, seed=6)
    assert step(reseeded, 0) != walked[0]


def test_micro_batches_stay_within_their_tokens():
    for batch in micro_batches(random_examples(60), 200):
        assert batch.tokens.numel() <= 200 or batch.tokens.shape[0] == 1


@given(
    seed=st.integers(0, 1_000),
    count=st.integers(1, 60),
    processes=st.integers(2, 8),
    packed=st.booleans(),
)
def test_processes_get_even_parts_of_a_step(seed, count, processes, packed):
    examples = random_examples(count, seed)
    whole = sum(len(example.tokens) for example in examples)
    longest = max(len(example.tokens) for example in examples)
    limit = micro_tokens("cpu", 1e6, whole, longest, processes)
    together = micro_batches(examples, limit, packed=packed)
    parts = micro_batches(examples, limit, packed=packed, processes=processes)
    assert sum(batch.num_tokens for batch in parts) == whole
    assert -(-len(parts) // processes) == -(-len(together) // processes)
    most, before = (max(batch.tokens.numel() for batch in batches) for batches in (parts, together))
    assert most <= before
    padded = sum(batch.tokens.numel() for batch in parts)
    rounds = -(-len(parts) // processes)
    assert most <= padded / (processes * rounds) + 2 * longest


def test_equal_records_are_shared_out_in_one_round():
    examples = [TokenizedExample(list(range(1, 11)), 2)] * 30
    limit = micro_tokens("cuda", 1e6, 300, 10, 8)
    parts = micro_batches(examples, limit, processes=8)
    assert [len(batch.tokens) for batch in parts] == [4] * 7 + [2]
    # Without a record of room the last two records would be a second round.
    assert len(micro_batches(examples, 300 // 8)) == 10


def test_validation_takes_a_twentieth_and_spares_small_sets():
    learned, validation = split_validation(random_examples(200), seed=0)
    assert (len(learned), len(validation)) == (190, 10)
    assert split_validation(random_examples(19), seed=0)[1] == []


def test_packing_changes_neither_loss_nor_gradients(student):
    """Rows hold several examples, and none sees another: to rounding, all is as one by one."""
    examples = random_examples(23)

    def loss_and_gradients(batches):
        student.model.zero_grad()
        total = sum(student.loss(batch, GoldTokens().loss_of(batch)) for batch in batches)
        total.backward()
        return total.detach(), {n: p.grad.clone() for n, p in student.model.named_parameters()}

    packed = micro_batches(examples, 200, packed=True)
    assert max(len(list(batch.examples())) / len(batch.tokens) for batch in packed) >= 2
    loss, gradients = loss_and_gradients(packed)
    alone = [batch for one in examples for batch in micro_batches([one], 1)]
    expected_loss, expected = loss_and_gradients(alone)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=1e-4)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-4)


def test_a_packed_token_sees_its_own_example_alone(student):
    """Another example before it in the row changes nothing."""
    one, two, other = random_examples(3)
    longest = TokenizedExample([9] * (len(one.tokens) + len(two.tokens) + len(other.tokens)), 1)

    def states(first):
        (batch,) = micro_batches([longest, first, two], 10_000, packed=True)
        (row, columns) = next(
            (row, columns)
            for row, columns in batch.examples()
            if batch.tokens[row, columns][: len(two.tokens)].tolist() == two.tokens
        )
        hidden = body_states(student.model, batch.tokens, batch.positions)
        return hidden[row, columns][: len(two.tokens)]

    with torch.no_grad():
        torch.testing.assert_close(states(one), states(other), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            states(one),
            body_states(student.model, torch.tensor([two.tokens]))[0],
            rtol=1e-5,
            atol=1e-5,
        )


def test_packing_keeps_every_example_and_leaves_little_empty():
    examples = random_examples(60)
    batches = micro_batches(examples, 200, packed=True)
    found = [
        tuple(batch.tokens[row, columns].tolist())
        for batch in batches
        for row, columns in batch.examples()
    ]
    # The last of a row may have padding behind it.
    kept = sorted(tuple(token for token in tokens if token) for tokens in found)
    assert kept == sorted(tuple(example.tokens) for example in examples)
    assert sum(batch.num_tokens for batch in batches) > 0.8 * sum(
        batch.tokens.numel() for batch in batches
    )
    assert all(batch.tokens.numel() <= 200 for batch in batches)


CALLING = {"tools": (WEATHER,), "tool_calls": (OSLO,), "completion": "I look."}


def test_a_call_is_learned_as_the_template_writes_it_and_tools_are_shown():
    chat = ChatFormat(tool_tokenizer(tool_templates.HERMES))
    record = make_record(1).model_copy(update=CALLING | {"answer": calls_text([OSLO])})
    (example,) = encode([record], chat, max_tokens=900)
    dialogue = Dialogue(record.messages, (WEATHER,))
    assert example.tokens[: example.prompt_length] == chat.prompts([dialogue])[0]
    assert chat.reply(example.tokens[example.prompt_length : -1], (WEATHER,)) == ModelReply(
        "I look.", (ToolCall(name=OSLO.name, arguments=OSLO.arguments),)
    )
    (alone,) = encode([record], chat, max_tokens=900, answers_only_marker="####")
    assert chat.reply(alone.tokens[alone.prompt_length : -1], (WEATHER,)).text == ""


def test_what_is_said_where_nothing_is_called_is_the_answer():
    chat = ChatFormat(tool_tokenizer(tool_templates.HERMES))
    said = {"tools": (WEATHER,), "completion": "It is noon.", "answer": calls_text(())}
    record = make_record(1).model_copy(update=said)
    (example,) = encode([record], chat, max_tokens=900, answers_only_marker="####")
    assert chat.text(example.tokens[example.prompt_length :]) == "It is noon."


def test_calls_that_the_template_cannot_write_are_left_out_and_counted(caplog):
    chat = ChatFormat(tool_tokenizer(tool_templates.LLAMA))
    one = make_record(1).model_copy(update=CALLING)
    twice = one.model_copy(update={"tool_calls": (OSLO, OSLO)})
    assert len(encode([one, twice], chat, max_tokens=900)) == 1
    assert "the calls of 1 of 2 records cannot be taught, and are left out" in caplog.text
    with pytest.raises(TooFewVerifiedRecords, match=r"of 1 of 1 records .* one call at once"):
        encode([twice], chat, max_tokens=900)


@pytest.mark.parametrize("choice", ["required", NamedTool(name=WEATHER.name), "auto", None])
def test_an_example_tells_how_much_of_a_call_is_begun_for_the_student(choice):
    chat = ChatFormat(tool_tokenizer(tool_templates.GRANITE))
    record = make_record(1, "").model_copy(
        update={"tools": (WEATHER,), "tool_choice": choice, "tool_calls": (OSLO,)}
    )
    (example,) = encode([record], chat, max_tokens=1000)
    begun = example.tokens[example.prompt_length :][: example.num_begun]
    opening = chat.opening(Dialogue(record.messages, (WEATHER,)))
    assert begun == (opening if choice not in ("auto", None) else [])


def test_a_reply_that_calls_nothing_is_not_begun_with_a_call():
    chat = ChatFormat(tool_tokenizer(tool_templates.GRANITE))
    record = make_record(1, "I cannot").model_copy(
        update={"tools": (WEATHER,), "tool_choice": "required"}
    )
    (example,) = encode([record], chat, max_tokens=1000)
    assert example.num_begun == 0
