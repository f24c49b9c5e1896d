"""Chat templates with tools: short ones of our own, in syntaxes that model families use."""

from __future__ import annotations

_OFFERED = (
    "{% if tools %}<|system|>Tools:{% for tool in tools %}{{ '\n' }}{{ tool | tojson }}"
    "{% endfor %}{{ '\n' }}{% endif %}"
)
_HEAD = "<|{{ m.role }}|>"
_PROMPT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"


def _template(
    calls: str, *, offered: str = _OFFERED, head: str = _HEAD, prompt: str = _PROMPT
) -> str:
    """A template whose assistant writes its text, and then its calls."""
    return (
        f"{offered}{{% for m in messages %}}{head}{{{{ m.content }}}}{calls}"
        f"{{% if m.role == 'assistant' %}}<|end|>{{% endif %}}{{% endfor %}}{prompt}"
    )


def _each(before: str, call: str, between: str, after: str) -> str:
    """All calls of a message, each with its name and its arguments at hand."""
    return (
        f"{{% if m.tool_calls %}}{before}{{% for c in m.tool_calls %}}"
        f"{{% set name, given = c.function.name, c.function.arguments %}}{call}"
        f"{{% if not loop.last %}}{between}{{% endif %}}{{% endfor %}}{after}{{% endif %}}"
    )


_JSON = '{"name": "{{ name }}", "arguments": {{ given | tojson }}}'
_TEXT = "{{ value if value is string else value | tojson }}"
_LINE = "{{ '\n' }}"

HERMES = _template(
    _each(
        "",
        '{{ \'\n<tool_call>\n{"arguments": \' }}{{ given | tojson }}, "name": "{{ name }}"}'
        "{{ '\n</tool_call>' }}",
        "",
        "",
    )
)
"""As Hermes and Qwen 2.5 write calls; arguments first."""
LLAMA = _template(
    "{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}"
    "{{ raise_exception('one call at once') }}{% endif %}"
    "{% set c = m.tool_calls[0].function %}"
    '{"name": "{{ c.name }}", "parameters": {{ c.arguments | tojson }}}{% endif %}'
).replace("{{ m.content }}", "{{ m.content if not m.tool_calls }}")
"""As Llama 3 does: a reply is nothing but a call, and text beside it is dropped."""
MISTRAL = _template(
    _each(
        "[TOOL_CALLS] [",
        '{{ (c.function | tojson)[:-1] }}, "id": "{{ c.id }}"}'
        "{% if c.id | length != 9 %}{{ raise_exception('nine characters') }}{% endif %}",
        ", ",
        "]",
    )
)
"""As Mistral does: one list, with ids that must have nine characters."""
GRANITE = _template(_each("<|tool_call|>[", _JSON, ", ", "]"))
NAMED = _template(
    _each("", "[TOOL_CALLS]{{ name }}[CALL_ID]{{ c.id }}[ARGS]{{ given | tojson }}", "", "")
)
"""As newer Mistral models do: the name stands before the arguments."""
FENCED = _template(
    _each(
        "<calls>",
        "<call>function<sep>{{ name }}{{ '\n```json\n' }}{{ given | tojson }}{{ '\n```' }}</call>",
        _LINE,
        "</calls>",
    )
)
"""As DeepSeek does."""
TAGS = _template(
    _each(
        "",
        "{{ '\n<tool_call>\n<function=' }}{{ name }}>{{ '\n' }}"
        "{% for key, value in given | items %}<parameter={{ key }}>{{ '\n' }}"
        "{{ value if value is string else (value | tojson if value is sequence else value) }}"
        "{{ '\n</parameter>\n' }}{% endfor %}{{ '</function>\n</tool_call>' }}",
        "",
        "",
    ),
    head="<|im_start|>{{ m.role }}{{ '\n' }}",
    prompt="{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}",
)
"""As Qwen3-Coder and Qwen 3.5 do: a tag for each argument, constants as Python has them. llama.cpp
takes these tags for that model's, and so wants a reply to begin as there."""
PAIRS = _template(
    _each(
        "",
        "{{ '\n' }}<tool_call>{{ name }}{{ '\n' }}{% for key, value in given | items %}"
        f"<arg_key>{{{{ key }}}}</arg_key>{_LINE}<arg_value>{_TEXT}</arg_value>{_LINE}"
        "{% endfor %}</tool_call>",
        "",
        "",
    )
)
"""As GLM does."""
PYTHON = _template(
    _each(
        "[",
        "{{ name }}({% for key, value in given | items %}{{ key }}={{ value | tojson }}"
        "{% if not loop.last %}, {% endif %}{% endfor %})",
        ", ",
        "]",
    )
)
"""As Llama 4, Gemma 3 and LFM2 do: as in Python, with JSON's constants."""
SWITCHED = _template(
    _each("", f"<tool_call>{_JSON}</tool_call>", _LINE, ""),
    prompt="{% if add_generation_prompt %}<|assistant|>"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}",
)
"""Whose prompt switches thinking off, while no past turn shows that, as in SmolLM3."""
SYNTAXES = {
    "Hermes": HERMES,
    "Llama 3": LLAMA,
    "Mistral": MISTRAL,
    "Granite": GRANITE,
    "named": NAMED,
    "fenced": FENCED,
    "tags": TAGS,
    "pairs": PAIRS,
    "Python": PYTHON,
    "switched": SWITCHED,
}

DEAF = _template("", offered="")
"""Knows neither tools nor calls, as SmolLM2's."""
MUTE = _template("")
"""Shows tools, and leaves out calls."""
FORGETFUL = _template(
    _each("", f"<tool_call>{_JSON}</tool_call>", "", ""),
    offered=_OFFERED + "{% if messages[-1].role == 'assistant' %}Over.{% endif %}",
)
"""Renders the past otherwise once there is a reply."""
