"""Which of vLLM's parsers reads a call, by how a template writes it."""

import pytest

from stratos.catalog.vllm_parsers import vllm_parser

TOKENS = {"[TOOL_CALLS]", "<|tool_call_start|>", "<|python_tag|>"}
REPLIES = {
    '<tool_call>\n{"name": "look_up", "arguments": {"city": "Oslo"}}\n</tool_call>': "hermes",
    '<tool_call>{"arguments": {"city": "Oslo"}, "name": "look_up"}</tool_call>': "hermes",
    "<tool_call>\n<function=look_up>\n<parameter=city>\nOslo\n</parameter>\n</function>\n"
    "</tool_call>": "qwen3_coder",
    '[TOOL_CALLS] [{"name": "look_up", "arguments": {"city": "Oslo"}, "id": "call00001"}]': (
        "mistral"
    ),
    '[TOOL_CALLS]look_up[ARGS]{"city": "Oslo"}': "mistral",
    "<|tool_call_start|>[look_up(city='Oslo')]<|tool_call_end|>": "lfm2",
    "<function_calls>\nlook_up(city='Oslo')\n</function_calls>": "olmo3",
    '{"name": "look_up", "parameters": {"city": "Oslo"}}<|eot_id|>': "llama3_json",
    '[look_up(city="Oslo")]<|eot|>': "pythonic",
}


@pytest.mark.parametrize(("reply", "parser"), REPLIES.items(), ids=lambda value: value[:24])
def test_a_call_is_read_by_the_parser_of_its_syntax(reply, parser):
    assert vllm_parser(reply, TOKENS) == parser


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "look_up Oslo",
        '<tool_call>{"name": "look_up"}</tool_call>',
        '{"name": "look_up", "arguments": {"city": "Oslo"}}',
        'I call {"name": "look_up", "parameters": {"city": "Oslo"}}',
        "<CALL look_up><city>Oslo</city></CALL>",
    ],
)
def test_no_parser_is_named_for_what_none_reads(reply):
    assert vllm_parser(reply, TOKENS) is None


def test_a_parser_whose_token_the_model_lacks_would_not_start():
    reply = '{"name": "look_up", "parameters": {"city": "Oslo"}}'
    assert vllm_parser(reply, {"<|eot_id|>"}) is None
