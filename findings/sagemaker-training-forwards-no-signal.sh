#!/usr/bin/env bash
# The toolkit in AWS's training images forwards no signal to the program, and hides how it ended.
#
# Seen with: sagemaker-training 5.1.4 of PyPI, Python 3.11, Linux with user namespaces.
# Expected: as the first process of a container, `train` hands SIGTERM on to the program, so that it
# can save a checkpoint in the 120 s before SIGKILL; and a program that was killed ends the
# container with 137 and is named as out of memory, as process.py means to (`return_code == 137`).
# Seen: a first process without a handler never gets SIGTERM, and the toolkit installs none. For a
# killed program asyncio says -9, not 137: no ExtraInfo, and the container ends with 1.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sagemaker-training==5.1.4

train() {  # program
    rm -rf "$folder/ml"
    mkdir -p "$folder/ml/code" "$folder/ml/input/config" "$folder/ml/output" "$folder/ml/model"
    echo '{"sagemaker_program": "train.py"}' > "$folder/ml/input/config/hyperparameters.json"
    echo '{}' > "$folder/ml/input/config/inputdataconfig.json"
    echo '{"current_host": "localhost", "hosts": ["localhost"]}' > "$folder/ml/input/config/resourceconfig.json"
    cp "$1" "$folder/ml/code/train.py"
    SAGEMAKER_BASE_DIR="$folder/ml" SAGEMAKER_SUBMIT_DIRECTORY="$folder/ml/code" \
        unshare -Urpf --kill-child "$folder/venv/bin/train" > "$folder/log" 2>&1
}

cat > "$folder/waits.py" <<'PYTHON'
import os, pathlib, signal, time
base, came = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]), []
signal.signal(signal.SIGTERM, lambda *_: came.append(True))
(base / "ready").touch()
while not (base / "go").exists():
    time.sleep(0.05)
(base / "told").write_text(str(bool(came)))
PYTHON
train "$folder/waits.py" &
until [ -e "$folder/ml/ready" ]; do sleep 0.1; done
kill -TERM "$(cat "/proc/$!/task/$!/children" | xargs -n1 | while read -r pid; do
    [ "$(cat "/proc/$pid/comm")" = unshare ] && cat "/proc/$pid/task/$pid/children"; done)"
touch "$folder/ml/go"
wait $!
echo "the program got SIGTERM: $(cat "$folder/ml/told")"
[ "$(cat "$folder/ml/told")" = False ]

echo 'import os; os.kill(os.getpid(), 9)' > "$folder/dies.py"
code=0
train "$folder/dies.py" || code=$?
echo "exit code of the container: $code"
cat "$folder/ml/output/failure"
[ "$code" = 1 ]
grep -q "ExitCode -9" "$folder/ml/output/failure"
! grep -q OutOfMemory "$folder/ml/output/failure"
