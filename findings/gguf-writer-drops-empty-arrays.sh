#!/usr/bin/env bash
# The writer of the package gguf leaves out a key whose array is empty, without a word.
#
# Seen with: gguf 0.19.0, numpy 2.4.6, Python 3.11.
# A tokenizer of single bytes has no merges: `tokenizer.ggml.merges` is an empty list.
# Expected: the key with an empty array, or an error.
# Seen: the file lacks the key. Keys written before and after it are there.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet gguf==0.19.0 numpy==2.4.6 2>/dev/null
"$folder/venv/bin/python" - "$folder/written.gguf" <<'PYTHON'
import sys
import gguf

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_token_list(["a", "b"])
writer.add_token_merges([])
writer.add_string("tokenizer.ggml.pre", "gpt-2")
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.close()
keys = [key for key in gguf.GGUFReader(sys.argv[1]).fields if key.startswith("tokenizer")]
print(*keys)
assert keys == ["tokenizer.ggml.tokens", "tokenizer.ggml.pre"], keys
PYTHON
