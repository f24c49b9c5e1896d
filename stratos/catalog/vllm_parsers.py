"""Which of vLLM's parsers reads tool calls as a chat template writes them.

The parsers are those of vLLM 0.30 and 0.32 (`vllm/tool_parsers`). llama.cpp needs none: it derives
one from the template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container

from stratos.contracts.messages import ToolCall

PROBE = ToolCall(name="look_up", arguments={"city": "Oslo"}, id="call00001")
"""A call to render. Templates of Mistral take ids of nine letters and digits only."""
_PYTHON = r"look_up\(city=(?:'Oslo'|\"Oslo\")\)"
_SYNTAXES = {
    "hermes": r"<tool_call>(?P<arguments>.*)</tool_call>",
    "qwen3_coder": r"<tool_call>\s*<function=look_up>\s*<parameter=city>\s*Oslo\s*</parameter>"
    r"\s*</function>\s*</tool_call>",
    "mistral": r"\[TOOL_CALLS\]\s*(?:\[(?P<arguments>\{.*\})\s*\]|look_up(?:\[ARGS\])?\s*\{)",
    "lfm2": rf"<\|tool_call_start\|>\[{_PYTHON}\]<\|tool_call_end\|>",
    "olmo3": rf"<function_calls>\s*{_PYTHON}\s*</function_calls>",
    "llama3_json": r"\A\s*(?:<\|python_tag\|>)?(?P<parameters>\{.*\})",
    "pythonic": rf"\A\s*\[{_PYTHON}\]",
}
"""vLLM's name of a parser → what it reads, as a reply that calls `PROBE`. A group is an object that
has the arguments under the group's name."""
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
        found = re.search(syntax, reply, re.DOTALL)
        token = _TOKENS.get(parser)
        if found and _is_probe(found) and (token is None or token in vocabulary):
            return parser
    return None


def _is_probe(found: re.Match[str]) -> bool:
    """Whether an object in a reply, if there is one, is the call, in any order."""
    for key, text in found.groupdict().items():
        if text is None:
            continue
        try:
            call = json.loads(text)
        except ValueError:
            return False
        if not isinstance(call, dict) or call.get("name") != PROBE.name:
            return False
        return bool(call.get(key) == PROBE.arguments)
    return True
