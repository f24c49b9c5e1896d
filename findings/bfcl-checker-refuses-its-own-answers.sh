#!/usr/bin/env bash
# The checker of the Berkeley Function Calling Leaderboard refuses answers that its own data lists.
#
# Seen with: bfcl-eval 2026.3.23, Python 3.11.
# Each question's right answer is written as the calls it lists: of every argument the first value.
# Expected: all 1,311 answers of live_simple and live_multiple are right.
# Seen: five are not. Four lack an argument that their function requires, one gives an argument that
# it does not have. So no model can win these questions.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps --target "$folder/bfcl" bfcl-eval==2026.3.23 2>/dev/null
"$folder/venv/bin/python" - "$folder/bfcl" <<'PYTHON'
import json
import sys
import types
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(root))
# Its table of models imports the SDK of every provider, and is asked about dots in names only.
table = types.ModuleType("bfcl_eval.constants.model_config")
table.MODEL_CONFIG_MAPPING = {"any": types.SimpleNamespace(underscore_to_dot=False)}
sys.modules[table.__name__] = table
from bfcl_eval.constants.enums import Language
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker


def rows(path):
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def first(listed):
    """The first value that is right; "" means that the argument may be left out."""
    value = next(one for one in listed if one != "")
    if isinstance(value, dict):
        return fields(value)
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [fields(one) for one in value]
    return value


def fields(value):
    """Of an object, the data lists the right values of each field."""
    lists = {key: inner if isinstance(inner, list) else [inner] for key, inner in value.items()}
    return {key: next(one for one in inner if one != "") for key, inner in lists.items() if "" not in inner}


refused, asked = {}, 0
for category in ("live_simple", "live_multiple"):
    data = root / "bfcl_eval" / "data"
    listed = {row["id"]: row["ground_truth"] for row in rows(data / "possible_answer" / f"BFCL_v4_{category}.json")}
    for row in rows(data / f"BFCL_v4_{category}.json"):
        possible = listed[row["id"]]
        calls = [
            {name: {key: first(values) for key, values in arguments.items() if values not in ([], [""])}}
            for call in possible
            for name, arguments in call.items()
        ]
        said = ast_checker(row["function"], calls, possible, Language.PYTHON, category, "any")
        asked += 1
        if not said["valid"]:
            refused[row["id"]] = said["error_type"].partition(":")[2]
print(asked, refused)
assert asked == 1311
assert refused == {
    "live_simple_106-63-0": "missing_required",
    "live_simple_112-68-0": "missing_required",
    "live_multiple_507-149-4": "missing_required",
    "live_multiple_862-181-3": "unexpected_param",
    "live_multiple_964-207-0": "missing_required",
}, refused
PYTHON
