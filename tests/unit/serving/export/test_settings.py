"""The generation config that an artifact gets."""

import json

from transformers import GenerationConfig

from serving.export.settings import write_settings
from tests.unit.serving.export.tiny_folders import tokenizer_of


def test_every_engine_reads_that_answers_are_greedy_and_what_ends_them(tmp_path):
    (tmp_path / "generation_config.json").write_text('{"top_k": 20, "repetition_penalty": 1.1}')
    write_settings(tmp_path, tokenizer_of(), [7, 1])
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    del settings["transformers_version"]
    assert settings == {
        "do_sample": False,
        "temperature": 0.0,
        "eos_token_id": [1, 7],
        "pad_token_id": 0,
    }
    read = GenerationConfig.from_pretrained(tmp_path)
    # vLLM takes its defaults from here.
    assert read.to_diff_dict()["temperature"] == 0.0
    assert (read.do_sample, read.eos_token_id, read.pad_token_id) == (False, [1, 7], 0)
    # And a model that is read can be saved again.
    read.save_pretrained(tmp_path / "again")
