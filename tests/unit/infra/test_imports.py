"""What may be imported before anything is installed, or before a second has passed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("program", ["infra/packaging/bootstrap.py", "infra/local/host/guard.py"])
def test_a_program_that_runs_without_the_environment_imports_the_standard_library_only(
    program: str,
) -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse((ROOT / program).read_text()))
        for name in _names(node)
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("module", ["infra.local.cli", "infra.local.daemon"])
def test_the_command_line_starts_without_moto_which_takes_seconds_to_import(module: str) -> None:
    code = f"import sys, {module}; print('moto' in sys.modules, 'aws_cdk' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout.split() == ["False", "False"]


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [str(node.module)] if isinstance(node, ast.ImportFrom) else []
