"""What the template itself decides: thinking, and what it takes of tools."""

import pytest
from transformers import AutoTokenizer

from serving.export.chat_template import (
    NO_CALLS,
    NO_THINKING,
    NO_TOOLS,
    decided,
    llama_cpp_takes_calls,
    served_template,
    takes_tools,
    tool_parser,
)
from serving.export.comparison import compare, next_token_of
from serving.export.gguf_file import write_gguf
from serving.llama_cpp.client import LlamaClient
from serving.llama_cpp.process import LlamaServer
from stratos.errors import NotExportable
from tests import tool_templates
from tests.unit.serving.export.tiny_folders import (
    TEMPLATE,
    THINKING_TEMPLATE,
    TOOL_TEMPLATE,
    ask,
    save,
    tokenizer_of,
)

MESSAGES = [{"role": "user", "content": "Why?"}]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED = [*MESSAGES, {"role": "assistant", "content": "", "tool_calls": [CALL]}, *MESSAGES]
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
            assert ask(server, "/apply-template", asked)["prompt"] == TAUGHT


def test_an_undecided_template_would_be_refused(tmp_path):
    folder = save(tmp_path, tokenizer=tokenizer_of(template=THINKING_TEMPLATE))
    (folder / "chat_template.jinja").write_text(THINKING_TEMPLATE)
    path = write_gguf(folder, "float16")
    with pytest.raises(NotExportable, match="renders a question with thinking unless told not to"):
        compare(folder, path, "float16", next_token_of(folder))


def test_a_template_that_would_leave_tools_out_refuses_them_and_only_once():
    tokenizer = tokenizer_of()
    assert not takes_tools(tokenizer)
    assert tool_parser(tokenizer) is None
    tokenizer.chat_template = served_template(tokenizer)
    assert tokenizer.chat_template == NO_TOOLS + NO_CALLS + TEMPLATE
    assert served_template(tokenizer) == tokenizer.chat_template
    assert not takes_tools(tokenizer)


def test_a_template_that_names_tools_stays_as_it_is():
    tokenizer = tokenizer_of(template=TOOL_TEMPLATE)
    assert served_template(tokenizer) == TOOL_TEMPLATE
    assert takes_tools(tokenizer)
    assert tool_parser(tokenizer) == "hermes"


@pytest.mark.parametrize("name", tool_templates.SYNTAXES)
def test_only_tags_behind_another_beginning_than_qwens_are_too_much_for_llama_cpp(name):
    assert llama_cpp_takes_calls(tokenizer_of(template=tool_templates.SYNTAXES[name]))
    assert llama_cpp_takes_calls(tokenizer_of()), "whose template has no calls"


@pytest.mark.parametrize("begins_as_qwens", [True, False])
def test_llama_cpp_takes_tools_as_is_foreseen(tmp_path, begins_as_qwens):
    template = tool_templates.TAGS
    if not begins_as_qwens:
        template = template.replace("<|im_start|>", "<|start|>")
    tokenizer = tokenizer_of(template=template)
    assert llama_cpp_takes_calls(tokenizer) == begins_as_qwens
    path = write_gguf(save(tmp_path, tokenizer=tokenizer), "float16")
    asked = {"messages": MESSAGES, "tools": TOOLS, "tool_choice": "required", "max_tokens": 1}
    arguments = ["--ctx-size", "256", "--jinja"]
    with LlamaServer(path, arguments) as server, LlamaClient(server) as client:
        answer = client.post("/v1/chat/completions", asked)
    assert answer.status == (200 if begins_as_qwens else 400)


def test_thinking_and_tools_are_decided_together_and_only_once():
    tokenizer = tokenizer_of(template=THINKING_TEMPLATE)
    tokenizer.chat_template = served_template(tokenizer)
    assert tokenizer.chat_template == NO_THINKING + NO_TOOLS + NO_CALLS + THINKING_TEMPLATE
    assert served_template(tokenizer) == tokenizer.chat_template


def test_llama_cpp_refuses_tools_and_calls_that_the_template_does_not_name(tmp_path):
    path = write_gguf(save(tmp_path), "float16")
    with LlamaServer(path, ["--ctx-size", "256", "--jinja"]) as server:
        with LlamaClient(server) as client:
            for told, words in (
                ({"messages": MESSAGES, "tools": TOOLS}, "takes no tools"),
                ({"messages": MESSAGES, "tools": TOOLS, "tool_choice": "none"}, "takes no tools"),
                ({"messages": CALLED}, "takes no tool_calls"),
            ):
                answer = client.post("/v1/chat/completions", {**told, "max_tokens": 1})
                assert (answer.status, words in answer.body["error"]["message"]) == (400, True)
        assert ask(server, "/apply-template", {"messages": MESSAGES, "tools": []})
