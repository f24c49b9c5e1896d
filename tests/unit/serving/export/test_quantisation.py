"""What llama.cpp's own quantiser stores each tensor as."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Stored
from gguf import quants

from serving.export.quantisation import num_bytes, quantised, stored_type


def kinds(names, shape=(512, 512), precision="q4_k_m", *, num_layers=16, tied=True):
    return [
        stored_type(name, shape, precision, num_layers=num_layers, tied=tied).name for name in names
    ]


def test_values_and_down_projections_get_more_bits_in_some_layers():
    layers = [f"blk.{layer}.attn_v.weight" for layer in range(16)]
    more = [layer for layer, kind in enumerate(kinds(layers)) if kind == "Q6_K"]
    assert more == [0, 1, 4, 7, 10, 13, 14, 15]
    assert kinds([name.replace("attn_v", "ffn_down") for name in layers]) == kinds(layers)
    assert set(kinds([name.replace("attn_v", "attn_q") for name in layers])) == {"Q4_K"}


def test_the_output_projection_gets_more_bits_also_where_it_is_the_embeddings():
    assert kinds(["token_embd.weight"], tied=True) == ["Q6_K"]
    assert kinds(["token_embd.weight", "output.weight"], tied=False) == ["Q4_K", "Q6_K"]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (512, ["Q6_K", "Q4_K", "Q6_K"]),
        (576, ["Q8_0", "Q5_0", "Q8_0"]),
        (40, ["F16", "F16", "F16"]),
    ],
)
def test_rows_that_do_not_fit_a_block_are_stored_as_what_they_fit(row, found):
    names = ["token_embd.weight", "blk.2.attn_q.weight", "blk.0.attn_v.weight"]
    assert kinds(names, (512, row)) == found


def test_what_routes_and_what_is_carried_stays_as_it_is():
    names = ["blk.0.ffn_gate_inp.weight", "blk.0.ssm_conv1d.weight", "blk.0.shortconv.conv.weight"]
    assert kinds([*names, "blk.0.ssm_a", "blk.0.ssm_norm.weight"]) == ["F32"] * 5
    assert kinds(["blk.0.ffn_down_exps.weight"], (4, 512, 512)) == ["Q6_K"]
    assert kinds(["blk.0.ffn_gate_exps.weight"], (4, 512, 512)) == ["Q4_K"]


def test_vectors_stay_as_they_are():
    for precision in ("float16", "q8_0", "q4_k_m"):
        assert kinds(["output_norm.weight"], (512,), precision) == ["F32"]
    assert kinds(["blk.0.attn_q.weight"], (4, 40), "q8_0") == ["F16"]


@pytest.mark.parametrize("kind", [Stored.Q8_0, Stored.Q4_K, Stored.Q6_K, Stored.Q5_0])
def test_a_quantised_matrix_is_read_back_close_to_what_it_was(kind):
    values = np.random.default_rng(0).standard_normal((200, 512), dtype=np.float32)
    encoded = quantised(values, kind)
    assert encoded.nbytes == num_bytes(values.shape, kind)
    read = quants.dequantize(encoded, kind)
    errors = {Stored.Q8_0: 0.01, Stored.Q6_K: 0.03, Stored.Q5_0: 0.06, Stored.Q4_K: 0.1}
    assert np.linalg.norm(read - values) <= errors[kind] * np.linalg.norm(values)
