#!/usr/bin/env bash
# transformers passes over some of what a GGUF says of the model, without a word.
#
# Seen with: transformers 5.23.0, tokenizers 0.23.3, torch 2.13.0, accelerate 1.15.0, gguf 0.19.0,
# xllamacpp 2026.8.10566 (llama.cpp b10566), Python 3.11, x86-64.
# 1. A byte-level tokenizer with the merge "1 2" names `smollm` in `tokenizer.ggml.pre`: single
#    digits, so that the merge is never made. transformers has a table of such names without this.
#    Expected: the tokens of llama.cpp, or a refusal of the unknown name.
#    Seen: GPT-2's split, so "12" is one token in transformers and two in llama.cpp. `llama-bpe`,
#    which the table has, gives the same tokens in both.
# 2. The tensor `rope_freqs.weight` divides the rotary frequencies: Llama 3's scaling for long texts.
#    Expected: the scaling, or `rope_freqs` among the unexpected keys of the loading info.
#    Seen: rope_type "default", the plain frequencies, and loading info that is empty.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3 \
    gguf==0.19.0 torch==2.13.0 accelerate==1.15.0
"$folder/venv/bin/pip" install --quiet --no-deps xllamacpp==2026.8.10566
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>/dev/null
import json, pathlib, sys, urllib.request
import gguf, numpy, xllamacpp
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = pathlib.Path(sys.argv[1])
tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "12", "<|end|>"]

def written(name):
    path = folder / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(500000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - 1) + [3])
    writer.add_token_merges(["1 2"])
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    shapes = {"token_embd": (len(tokens), 32), "output_norm": (32,)}
    shapes |= {f"blk.0.{part}_norm": (32,) for part in ("attn", "ffn")}
    shapes |= {f"blk.0.attn_{part}": (32, 32) for part in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{part}": (32, 32) for part in ("gate", "up", "down")}
    for part, shape in shapes.items():
        writer.add_tensor(f"{part}.weight", numpy.full(shape, 0.01, numpy.float32))
    divisors = numpy.array([1, 1, 1, 2, 4, 8, 8, 8], numpy.float32)
    writer.add_tensor("rope_freqs.weight", divisors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path

def both(name):
    path = written(name)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.port = 64, 0
    server = xllamacpp.Server(parameters)
    request = urllib.request.Request(
        server.listening_address + "/tokenize",
        data=json.dumps({"content": "12", "add_special": False}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        theirs = json.load(reply)["tokens"]
    read = AutoTokenizer.from_pretrained(folder, gguf_file=path.name)
    ours = read("12", add_special_tokens=False)["input_ids"]
    return [[tokens[index] for index in found] for found in (theirs, ours)]

smollm, llama = both("smollm"), both("llama-bpe")
print("smollm   : llama.cpp", *smollm[0], "| transformers", *smollm[1])
print("llama-bpe: llama.cpp", *llama[0], "| transformers", *llama[1])
assert smollm == [["1", "2"], ["12"]], smollm
assert llama == [["12"], ["12"]], llama

model, loaded = AutoModelForCausalLM.from_pretrained(
    folder, gguf_file="llama-bpe.gguf", output_loading_info=True
)
angles = model.model.rotary_emb.inv_freq.numpy()
plain = 500000.0 ** -(numpy.arange(8) / 8)
print("rope     :", model.config.rope_parameters, "| divided by", *(plain / angles).round(2))
assert model.config.rope_parameters["rope_type"] == "default"
assert numpy.allclose(angles, plain, rtol=1e-4), angles
assert not any(loaded.values()), loaded
PYTHON
