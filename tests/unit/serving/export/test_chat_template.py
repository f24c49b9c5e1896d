"""The thinking switch, decided in the template itself."""

import pytest
from transformers import AutoTokenizer

from serving.export.chat_template import NO_THINKING, decided
from serving.export.comparison import compare, next_token_of
from serving.export.gguf_file import write_gguf
from serving.llama_cpp.process import LlamaServer
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import (
    TEMPLATE,
    THINKING_TEMPLATE,
    ask,
    save,
    tokenizer_of,
)

MESSAGES = [{"role": "user", "content": "Why?"}]
TAUGHT = "<|user|>Why?<|assistant|><think>\n\n</think>\n\n"


def test_only_a_template_with_the_switch_is_changed_and_only_once():
    assert decided(TEMPLATE) == TEMPLATE
    once = decided(THINKING_TEMPLATE)
    assert once == NO_THINKING + THINKING_TEMPLATE
    assert decided(once) == once


def test_a_request_that_says_nothing_gets_the_prompt_that_was_taught(tmp_path):
    folder = save(tmp_path, tokenizer=tokenizer_of(template=THINKING_TEMPLATE))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for passed in ({}, {"enable_thinking": True}, {"enable_thinking": False}):
        rendered = tokenizer.apply_chat_template(
            MESSAGES, tokenize=False, add_generation_prompt=True, **passed
        )
        assert rendered == TAUGHT
    path = write_gguf(folder, "float16")
    compare(folder, path, "float16", next_token_of(folder))
    with LlamaServer(path, ["--ctx-size", "256", "--jinja"]) as server:
        for told in ({}, {"chat_template_kwargs": {"enable_thinking": True}}):
            asked = {"messages": MESSAGES, **told}
            assert ask(server.url, "/apply-template", asked)["prompt"] == TAUGHT


def test_an_undecided_template_would_be_refused(tmp_path):
    folder = save(tmp_path, tokenizer=tokenizer_of(template=THINKING_TEMPLATE))
    (folder / "chat_template.jinja").write_text(THINKING_TEMPLATE)
    path = write_gguf(folder, "float16")
    with pytest.raises(NotExportable, match="renders a question with thinking unless told not to"):
        compare(folder, path, "float16", next_token_of(folder))
