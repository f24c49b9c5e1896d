"""Rules that move numbers: each number ends where llama.cpp looks for it."""

import torch
from transformers import AutoConfig

from serving.export.families.tensors import EXPERTS, GATED_DELTA, MAMBA, NEIGHBOURS, NORMS_FROM_ONE

CONFIG = AutoConfig.for_model(
    "qwen3_next",
    num_attention_heads=2,
    num_key_value_heads=1,
    linear_num_key_heads=2,
    linear_num_value_heads=4,
    linear_key_head_dim=1,
    linear_value_head_dim=1,
)


def made_by(rules, pattern, weight, config=CONFIG):
    (rule,) = [rule for rule in rules if pattern in rule.pattern]
    return [part.squeeze(-1).tolist() for part in rule.change(weight, config)]


def test_the_halves_of_a_head_become_neighbours():
    rows = torch.arange(8).reshape(8, 1)
    (queries,) = made_by(NEIGHBOURS, "q_proj", rows)
    assert queries == [0, 2, 1, 3, 4, 6, 5, 7]
    (keys,) = made_by(NEIGHBOURS, "k_proj", rows)
    assert keys == [0, 4, 1, 5, 2, 6, 3, 7]


def test_one_is_added_to_a_norm_in_full_precision():
    weight = torch.tensor([2.0**-9], dtype=torch.bfloat16)
    assert NORMS_FROM_ONE.change(weight, CONFIG)[0].item() == 1 + 2.0**-9


def test_gates_come_before_what_they_gate():
    gate, up = made_by(EXPERTS, "gate_up", torch.arange(8).reshape(2, 4, 1))
    assert gate == [[0, 1], [4, 5]]
    assert up == [[2, 3], [6, 7]]


def test_the_kinds_of_each_head_become_the_heads_of_each_kind():
    # Of each of two groups: a query, a key, two values, two gates.
    rows = torch.arange(12).reshape(12, 1)
    joined, gate = made_by(GATED_DELTA, "qkvz", rows)
    assert joined == [0, 6, 1, 7, 2, 3, 8, 9]
    assert gate == [4, 5, 10, 11]


def test_what_decays_is_stored_as_a_negative_rate():
    (column,) = made_by(MAMBA, "A_log", torch.zeros(2))
    assert column == [-1.0, -1.0]
    (row,) = made_by(GATED_DELTA, "A_log", torch.zeros(2))
    assert row == [-1.0, -1.0]
