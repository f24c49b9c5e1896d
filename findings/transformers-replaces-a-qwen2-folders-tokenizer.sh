#!/usr/bin/env bash
# transformers reads a Qwen2 folder's tokenizer.json, and then replaces parts of it.
#
# Seen with: transformers 5.23.0, tokenizers 0.23.3, Python 3.11.
# A folder with `model_type: qwen2`, whose tokenizer.json splits text at blanks and does not
# normalise, and whose vocabulary is full, is opened by AutoTokenizer.
# Expected: the tokenizer that the file describes, as for `model_type: llama`.
# Seen: another pre-tokenizer (Qwen's own pattern), an NFC normaliser, and one token more than the
# vocabulary has (<|endoftext|>), whose id is beyond the rows of the embedding. So token ids differ
# from those of any reader of tokenizer.json, such as a converter to GGUF.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3
"$folder/venv/bin/python" - "$folder" <<'PYTHON' 2>/dev/null
import json, pathlib, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

def opened(kind):
    folder = pathlib.Path(sys.argv[1]) / kind
    folder.mkdir()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 256}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    state = json.loads(AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str())
    steps = [step["type"] for step in state["pre_tokenizer"]["pretokenizers"]]
    return steps, (state["normalizer"] or {}).get("type"), [t["id"] for t in state["added_tokens"]]

llama, qwen2 = opened("llama"), opened("qwen2")
print("llama:", *llama)
print("qwen2:", *qwen2)
assert llama == (["WhitespaceSplit", "ByteLevel"], None, []), llama
assert qwen2 == (["Split", "ByteLevel"], "NFC", [256]), qwen2
PYTHON
