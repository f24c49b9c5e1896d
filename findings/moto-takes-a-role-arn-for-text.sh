#!/usr/bin/env bash
# moto's Step Functions takes an expression for text where the field is called RoleArn.
#
# Seen with: moto 5.2.5 of PyPI, Python 3.11.
# Expected: in Parameters, "RoleArn.$": "$.role" gives the field RoleArn the input's role, as any
# other name that ends in ".$" does; CreateTrainingJob and CreateEndpoint need such a field.
# Seen: the execution succeeds, and its output has a field "RoleArn.$" with the text "$.role". The
# grammar has a word of its own for "RoleArn.$", that of a task's Credentials, which wins.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[stepfunctions,s3]==5.2.5'
cat > "$folder/run.py" <<'PYTHON'
import json, time
import boto3
from moto import mock_aws

names = {"RoleArn.$": "$.role", "OtherArn.$": "$.role"}
machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": names, "End": True}}}
with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
    states = boto3.client("stepfunctions", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    role = "arn:aws:iam::123456789012:role/machine"
    made = states.create_state_machine(name="m", definition=json.dumps(machine), roleArn=role)
    run = states.start_execution(stateMachineArn=made["stateMachineArn"], input='{"role": "mine"}')
    while (found := states.describe_execution(executionArn=run["executionArn"]))["status"] == "RUNNING":
        time.sleep(0.1)
print(found["status"], found.get("output"))
assert json.loads(found["output"]) == {"RoleArn.$": "$.role", "OtherArn": "mine"}, "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/run.py"
