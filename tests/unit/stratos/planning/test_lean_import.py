"""What planning pulls in: the Lambda carries that and nothing more."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.unit.stratos.planning.planning_inputs import gpu, request

HEAVY = {"scipy", "matplotlib", "autograd", "cma", "torch", "boto3", "typer", "rich", "pandas"}

PROGRAM = """
import json, sys
from stratos.planning.choose import plan_before_probing
from stratos.planning.request import PlanningRequest
on_import = set(sys.modules)
plan_before_probing(PlanningRequest.model_validate_json(sys.stdin.read()))
tops = lambda names: sorted({name.partition('.')[0] for name in names})
print(json.dumps([tops(on_import), tops(sys.modules)]))
"""


def test_planning_needs_pymoo_without_scipy_or_plotting() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=request(gpu()).model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    on_import, after_planning = json.loads(done.stdout)
    assert not HEAVY & set(after_planning)
    assert "pymoo" in after_planning
    assert "pymoo" not in on_import
