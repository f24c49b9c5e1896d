"""How a chat template writes a tool call, and which of vLLM's parsers reads that.

The parsers are those of vLLM 0.30 and 0.32 (`vllm/tool_parsers`). llama.cpp needs none: it derives
one from the template.
"""

from __future__ import annotations

import re
from collections.abc import Container

from stratos.contracts.messages import ToolCall

PROBE = ToolCall(name="look_up", arguments={"city": "Oslo"}, id="call00001")
"""A call to render. Templates of Mistral take ids of nine letters and digits only."""
_NAMED = r'\{{\s*"name":\s*"look_up",\s*"{}":\s*\{{\s*"city":\s*"Oslo"\s*\}}'
_ARGUMENTS, _PARAMETERS = _NAMED.format("arguments"), _NAMED.format("parameters")
_PYTHON = r"look_up\(city=(?:'Oslo'|\"Oslo\")\)"
_SYNTAXES = {
    "hermes": rf"<tool_call>\s*{_ARGUMENTS}\s*\}}\s*</tool_call>",
    "qwen3_coder": r"<tool_call>\s*<function=look_up>\s*<parameter=city>\s*Oslo\s*</parameter>"
    r"\s*</function>\s*</tool_call>",
    "mistral": rf"\[TOOL_CALLS\]\s*(?:\[\s*{_ARGUMENTS}|look_up(?:\[ARGS\])?\s*\{{)",
    "lfm2": rf"<\|tool_call_start\|>\[{_PYTHON}\]<\|tool_call_end\|>",
    "olmo3": rf"<function_calls>\s*{_PYTHON}\s*</function_calls>",
    "llama3_json": rf"\A\s*(?:<\|python_tag\|>)?{_PARAMETERS}\s*\}}",
    "pythonic": rf"\A\s*\[{_PYTHON}\]",
}
"""vLLM's name of a parser → what it reads, as a reply that calls `PROBE`."""
_TOKENS = {
    "mistral": "[TOOL_CALLS]",
    "lfm2": "<|tool_call_start|>",
    "llama3_json": "<|python_tag|>",
}
"""Without it in the vocabulary the parser does not start."""


def vllm_parser(reply: str, vocabulary: Container[str]) -> str | None:
    """The parser of vLLM that reads calls as a template writes them; None if none does.

    Args:
        reply: What the template makes of `PROBE`, after the prompt.
        vocabulary: Tokens that the model has.
    """
    for parser, syntax in _SYNTAXES.items():
        token = _TOKENS.get(parser)
        if re.search(syntax, reply) and (token is None or token in vocabulary):
            return parser
    return None
