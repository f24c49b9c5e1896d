"""Tokens of a GGUF."""

import json
import random
from itertools import pairwise

import gguf
import pytest
from gguf import TokenType
from tokenizers import Tokenizer, normalizers
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import TokenizersBackend

from serving.export.comparison import PROBES
from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.process import LlamaServer
from stratos.catalog import pre_tokenizer
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import TEMPLATE, ask, save, tokenizer_of


def fields_of(path):
    fields = gguf.GGUFReader(path).fields
    names = ("tokens", "token_type", "merges", "eos_token_id", "eot_token_id", "eom_token_id")
    names += ("bos_token_id", "padding_token_id", "pre")
    keys = {name: f"tokenizer.ggml.{name}" for name in names}
    return {name: fields[key].contents() for name, key in keys.items() if key in fields}


def test_tokens_are_told_apart_and_spare_rows_are_unused(tmp_path):
    tokenizer = tokenizer_of()
    tokenizer.add_tokens(["<mark>"])
    found = fields_of(write_gguf(save(tmp_path, tokenizer=tokenizer), "float16"))
    types = dict(zip(found["tokens"], found["token_type"], strict=True))
    assert types["<|end|>"] == TokenType.CONTROL
    assert types["<mark>"] == TokenType.USER_DEFINED
    assert types["a"] == TokenType.NORMAL
    assert found["tokens"][513:] == [f"[PAD{index}]" for index in range(513, 521)]
    assert set(found["token_type"][513:]) == {TokenType.UNUSED}
    assert len(found["merges"]) == 252
    assert found["pre"] == "smollm"


def test_every_end_of_an_answer_is_told(tmp_path):
    folder = save(tmp_path)
    write_settings(folder, tokenizer_of(), [1, 2, 3])
    found = fields_of(write_gguf(folder, "float16"))
    assert [found[f"{name}_token_id"] for name in ("eos", "eot", "eom")] == [1, 2, 3]
    # No start token: it must not be token 11, which llama.cpp would take.
    assert (found["bos_token_id"], found["padding_token_id"]) == (1, 0)
    write_settings(folder, tokenizer_of(), [1, 2, 3, 4])
    with pytest.raises(NotExportable, match="any of 4 tokens"):
        write_gguf(folder, "float16")


def test_a_tokenizer_with_more_tokens_than_the_model_has_rows_is_refused(tmp_path):
    tokenizer = tokenizer_of()
    folder = save(tmp_path, tokenizer=tokenizer, vocab_size=512)
    tokenizer.add_tokens(["<mark>"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(NotExportable, match="token 512, the model only 512 rows"):
        write_gguf(folder, "float16")


ALPHABET = "aZ09 .'\n\téÉПриМΣσकि्นमते語あアاעǅªʰ½/!😀"


def texts_of_many_scripts():
    drawn = random.Random(1)
    texts = ["".join(drawn.choices(ALPHABET, k=30)) for _ in range(60)]
    return [normalizers.NFC().normalize_str(text) for text in (*texts, *PROBES.values())]


def pairs_tokenizer(splits, texts):
    """It merges any two bytes that stand together in a text, unless they are split."""
    shown = ByteLevel(add_prefix_space=False, use_regex=False)
    lines = [shown.pre_tokenize_str(text)[0][0] for text in texts]
    pairs = sorted({pair for line in lines for pair in pairwise(line)})
    random.Random(0).shuffle(pairs)
    tokens = [*sorted(ByteLevel.alphabet()), *("".join(pair) for pair in pairs), "<|end|>"]
    tokenizer = Tokenizer(BPE({token: index for index, token in enumerate(tokens)}, pairs))
    state = json.loads(tokenizer.to_str()) | {"pre_tokenizer": splits[0]}
    state["model"]["ignore_merges"] = splits[1]
    return Tokenizer.from_str(json.dumps(state))


@pytest.mark.parametrize("name", pre_tokenizer.KNOWN)
def test_llama_cpp_splits_text_of_any_script_in_every_known_way(tmp_path, name):
    texts = texts_of_many_scripts()
    tokenizer = pairs_tokenizer(pre_tokenizer.pre_tokenizer_named(name), texts)
    wrapped = TokenizersBackend(tokenizer_object=tokenizer, eos_token="<|end|>")
    wrapped.chat_template = TEMPLATE
    folder = save(tmp_path, tokenizer=wrapped)
    path = write_gguf(folder, "float16")
    assert fields_of(path)["pre"] == name
    with LlamaServer(path, ["--ctx-size", "256", "--parallel", "1", "--no-warmup"]) as server:
        for text in texts:
            asked = {"content": text, "add_special": False, "parse_special": False}
            theirs = ask(server, "/tokenize", asked)["tokens"]
            assert theirs == tokenizer.encode(text).ids, text
