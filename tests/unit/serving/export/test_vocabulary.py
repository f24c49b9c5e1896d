"""Tokens of a GGUF."""

import gguf
import pytest
from gguf import TokenType

from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import save, tokenizer_of


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
