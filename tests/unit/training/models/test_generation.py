import random

import pytest
import torch

from benchmarks.families import tiny
from tests.tiny_families import FAMILIES, make_tiny
from tests.unit.training.tiny_models import make_model
from training.models.generation import Generated, Sampling, generate, generate_batch

VOCABULARY = 60
EOS = frozenset({1, 7})


def draw_prompts(count, seed=0):
    rng = random.Random(seed)
    return [[rng.randrange(8, VOCABULARY) for _ in range(rng.randint(3, 17))] for _ in range(count)]


def huggingface_greedy(model, prompt, max_new_tokens):
    """What `generate` writes for one prompt alone: no padding, no batch."""
    tokens = torch.tensor([prompt])
    written = model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=sorted(EOS),
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    finished = bool(written) and written[-1] in EOS
    return Generated(written[:-1], written[-1]) if finished else Generated(written, None)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_decoding_writes_what_generate_writes(family):
    model = make_tiny(family, VOCABULARY)
    prompts = draw_prompts(12)
    ours = dict(generate(model, prompts, Sampling(24, EOS), batch_size=10))
    assert sorted(ours) == list(range(12))
    for index, prompt in enumerate(prompts):
        assert ours[index] == huggingface_greedy(model, prompt, 24)


@pytest.mark.parametrize(
    "family", ["bloom", "mpt", "minimax", "rwkv", "falcon_h1", "deepseek_v4", "inkling_text"]
)
def test_a_model_with_masks_or_a_cache_of_its_own_writes_what_generate_writes(family):
    model = tiny(family, VOCABULARY)
    prompts = draw_prompts(12)
    ours = dict(generate(model, prompts, Sampling(16, EOS), batch_size=10))
    for index, prompt in enumerate(prompts):
        assert ours[index] == huggingface_greedy(model, prompt, 16)


def test_rows_that_end_leave_the_others_to_go_on():
    model = make_model(VOCABULARY)
    ours = dict(generate(model, draw_prompts(24), Sampling(40, EOS), batch_size=10))
    assert {one.finished for one in ours.values()} == {True, False}


def test_a_student_in_training_that_computes_activations_again_writes_the_same():
    model = make_model(VOCABULARY)
    prompts = draw_prompts(6)
    expected = generate_batch(model, prompts, Sampling(12, EOS))
    model.activation_checkpointing_enable()
    model.train()
    assert generate_batch(model, prompts, Sampling(12, EOS)) == expected
    assert model.training


def test_each_completion_has_the_token_that_ended_it():
    model = make_model(VOCABULARY)
    prompts = draw_prompts(24)
    free = generate_batch(model, prompts, Sampling(12, frozenset()))
    ends = frozenset(range(1, 20))
    found = generate_batch(model, prompts, Sampling(12, ends))
    assert len({one.end for one in found if one.finished}) > 1
    for one, whole in zip(found, free, strict=True):
        assert one.written == whole.tokens[: len(one.written)]


def test_sliding_window_layers_keep_their_window():
    model = make_model(
        VOCABULARY,
        use_sliding_window=True,
        sliding_window=6,
        max_window_layers=1,
        layer_types=["full_attention", "sliding_attention"],
    )
    prompts = draw_prompts(9, seed=1)
    ours = dict(generate(model, prompts, Sampling(24, EOS), batch_size=4))
    for index, prompt in enumerate(prompts):
        assert ours[index] == huggingface_greedy(model, prompt, 24)


def test_sampling_depends_on_the_stream_and_not_on_the_batch():
    model = make_model(VOCABULARY)
    prompts = draw_prompts(12)
    sampling = Sampling(20, EOS, temperature=1.0, seed=3)
    streams = list(range(100, 112))
    together = dict(generate(model, prompts, sampling, batch_size=12, streams=streams))
    apart = dict(generate(model, prompts, sampling, batch_size=5, streams=streams))
    assert together == apart
    other = dict(generate(model, prompts, sampling, batch_size=12, streams=range(12)))
    assert together != other


def test_sampled_tokens_follow_the_tempered_distribution():
    model = make_model(VOCABULARY)
    prompt, temperature, draws = [9, 10, 11], 0.8, 4_000
    with torch.inference_mode():
        logits = model(torch.tensor([prompt])).logits[0, -1].double()
    expected = torch.softmax(logits / temperature, -1)
    sampling = Sampling(1, frozenset(), temperature=temperature)
    drawn = generate_batch(model, [prompt] * draws, sampling, streams=range(draws))
    counts = torch.zeros(VOCABULARY, dtype=torch.double)
    for one in drawn:
        counts[one.tokens[0]] += 1
    deviation = (expected * (1 - expected) / draws).sqrt()
    assert ((counts / draws - expected).abs() <= 5 * deviation + 1e-3).all()


def test_nothing_more_is_asked_once_it_must_stop():
    model = make_model(VOCABULARY)
    asked = iter([False, True])
    answered = dict(
        generate(model, draw_prompts(8), Sampling(4, EOS), batch_size=4, stop=lambda: next(asked))
    )
    assert len(answered) == 4
