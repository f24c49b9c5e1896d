#!/usr/bin/env bash
# The package by which vLLM meets SageMaker runs the model.py of an artifact, and installs its
# requirements.txt, without being asked to: weights from elsewhere bring code.
#
# Seen with: model-hosting-container-standards 0.1.16 of PyPI, Python 3.11.
# Expected: an endpoint runs what its image holds, and code of the artifact only if it is told so.
# Seen: both happen by default. SAGEMAKER_MODEL_PATH at a folder that is not there keeps it from
# both, STANDARD_AUTO_INSTALL_REQ=false from the second.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet model-hosting-container-standards==0.1.16

mkdir -p "$folder/model"
echo "open('$folder/ran', 'w')" > "$folder/model/model.py"
touch "$folder/model/requirements.txt"
printf '#!/bin/sh\ntouch "%s/installed"\n' "$folder" > "$folder/python"
chmod +x "$folder/python"
cat > "$folder/start.py" <<'PYTHON'
import sys
from model_hosting_container_standards.common import dependency_manager
from model_hosting_container_standards.sagemaker.sagemaker_loader import SageMakerFunctionLoader
dependency_manager.shutil.which = lambda name: None  # no uv: the interpreter's own pip
if dependency_manager.is_auto_install_enabled():
    dependency_manager.install_requirements(python_executable=sys.argv[1])
SageMakerFunctionLoader.get_function_loader()
PYTHON

start() {  # variables of the container, where its default is /opt/ml/model
    rm -f "$folder/ran" "$folder/installed"
    env "$@" "$folder/venv/bin/python" "$folder/start.py" "$folder/python" > "$folder/log" 2>&1
    done=""
    for what in ran installed; do [ -e "$folder/$what" ] && done="$done $what"; done
    echo "with $*:${done:- nothing}"
}

start SAGEMAKER_MODEL_PATH="$folder/model"
[ "$done" = " ran installed" ]
start SAGEMAKER_MODEL_PATH="$folder/model" STANDARD_AUTO_INSTALL_REQ=false
[ "$done" = " ran" ]
start SAGEMAKER_MODEL_PATH="$folder/no-code"
[ "$done" = "" ]
