"""The chat template carries what training decided, so that nobody has to pass it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from transformers import PreTrainedTokenizerBase

from stratos.catalog.vllm_parsers import PROBE_ARGUMENTS, PROBE_NAME, vllm_parser
from stratos.contracts.messages import (
    Message,
    Tool,
    ToolCall,
    openai_tool,
    template_message,
)

_THINKS = re.compile(r"\benable_thinking\b")
NO_THINKING = "{%- set enable_thinking = false -%}"
"""Put before a template, it counts whatever a request passes."""
NO_TOOLS = (
    "{%- if tools -%}{{- raise_exception('This model takes no tools: its chat template has no word "
    "for them. Leave out `tools`.') -}}{%- endif -%}"
)
NO_CALLS = (
    "{%- for message in messages -%}{%- if message.tool_calls -%}{{- raise_exception('This model "
    "takes no tool_calls: its chat template has no word for them. Write them as text.') -}}"
    "{%- endif -%}{%- endfor -%}"
)
"""Without these, llama.cpp would leave out what the template does not name, with status 200."""
_QWEN_TAGS = ("<tool_call>", "<function=", "<parameter=")
_QWEN_REPLY = "<|im_start|>assistant\n"
"""As llama.cpp b10566 looks for it in a template, and what it then expects before a reply."""
_QUESTION = Message(role="user", content="Where is it?")
_CALL = ToolCall(name=PROBE_NAME, arguments=dict(PROBE_ARGUMENTS), id="call00001")
"""Templates of Mistral take ids of nine letters and digits only."""
_CALLING = Message(role="assistant", content="", tool_calls=(_CALL,))
_TOOL = Tool(
    name=PROBE_NAME,
    description="Finds a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)


def decided(template: str) -> str:
    """The template as training rendered it: without thinking, where it has that switch."""
    if template.startswith(NO_THINKING) or not _THINKS.search(template):
        return template
    return NO_THINKING + template


def served_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """The template that goes with a student: decided, and refusing what it would leave out."""
    guards = ""
    if _tools_told(tokenizer) is False:
        guards += NO_TOOLS
    if leaves_calls_out(tokenizer):
        guards += NO_CALLS
    return decided(guards + str(tokenizer.chat_template))


def takes_tools(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a template tells the model of the tools of a request."""
    return _tools_told(tokenizer) is True


def leaves_calls_out(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a template drops the calls of past turns, so that the served one refuses them."""
    return _calls_told(tokenizer) is False


def llama_cpp_takes_calls(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether llama.cpp can hold a model to calls as its template writes them.

    It takes every template with Qwen3-Coder's tags for that model's, whose replies begin in one
    way: behind any other beginning each request with tools is answered with 400 or 500.
    """
    if not all(mark in str(tokenizer.chat_template) for mark in _QWEN_TAGS):
        return True
    asked = _rendered(tokenizer, [_QUESTION], to_answer=False)
    return _rendered(tokenizer, [_QUESTION]).removeprefix(asked).startswith(_QWEN_REPLY)


def tool_parser(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """vLLM's parser for calls as the template writes them; None if it writes none, or no parser
    reads them."""
    try:
        prompt = _rendered(tokenizer, [_QUESTION], [_TOOL])
        answered = _rendered(tokenizer, [_QUESTION, _CALLING], [_TOOL], to_answer=False)
    except Exception:  # a template raises whatever it likes
        return None
    same = takewhile(lambda pair: pair[0] == pair[1], zip(prompt, answered, strict=False))
    reply = answered[sum(1 for _ in same) :]
    return vllm_parser(reply, tokenizer.get_vocab())


def _tools_told(tokenizer: PreTrainedTokenizerBase) -> bool | None:
    """Whether tools are rendered at all; None where the template refuses them by itself."""
    try:
        return _rendered(tokenizer, [_QUESTION], [_TOOL]) != _rendered(tokenizer, [_QUESTION])
    except Exception:  # a template raises whatever it likes
        return None


def _calls_told(tokenizer: PreTrainedTokenizerBase) -> bool | None:
    try:
        return PROBE_NAME in _rendered(tokenizer, [_QUESTION, _CALLING], to_answer=False)
    except Exception:  # a template raises whatever it likes
        return None


def _rendered(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    tools: Sequence[Tool] = (),
    *,
    to_answer: bool = True,
) -> str:
    return str(
        tokenizer.apply_chat_template(
            [template_message(message) for message in messages],
            tools=[openai_tool(tool) for tool in tools] or None,
            tokenize=False,
            add_generation_prompt=to_answer,
            enable_thinking=False,
        )
    )
