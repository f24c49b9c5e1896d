"""The wheel: what it holds, and the commands of an installation that has nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.app import ROOT
from infra.packaging.distribution import build_wheel, deployed_files

EXAMPLE = ROOT / "examples" / "mahjong-waits"
OTHERS = os.environ.get("STRATOS_PYTHONS", "").split()
"""Interpreters besides this one: `make test-pythons` names those that the machine has."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session", params=[sys.executable, *OTHERS])
def installed(request, wheel, tmp_path_factory):
    """The command line of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([request.param, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", wheel], check=True)
    return folder / "bin" / "stratos"


@pytest.fixture
def ask(installed, tmp_path):
    """Run a command away from the clone, as somebody who has none."""

    def run(*arguments):
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return subprocess.run(
            [installed, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=kept | {"HOME": str(tmp_path), "COLUMNS": "200"},
        )

    return run


def test_the_wheel_holds_the_one_package_and_what_it_deploys(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "stratos",
        f"{wheel.name.rpartition('-py3')[0]}.dist-info",
    }
    deployed = {Path(name).name for name in names if name.startswith("stratos/assembly/")}
    assert deployed == set(deployed_files(ROOT / "cdk.out"))
    assert not any("/cli/" in name and name.endswith(".pyc") for name in names)


def test_an_installation_plans_and_inspects_without_a_clone(ask, tmp_path):
    folder = tmp_path / "spec"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("*.py"))
    inspected = ask("inspect", str(folder), "--json")
    assert json.loads(inspected.stdout)["refused"] in ("", [], None), inspected.stderr
    planned = ask("plan", str(folder), "--json", "--html", str(tmp_path / "plan.html"))
    assert planned.returncode in (0, 1), planned.stderr
    assert "Traceback" not in planned.stderr
    assert ask("--version").stdout.startswith("stratos ")


def test_an_installation_says_of_the_embedded_cloud_that_it_needs_a_clone(ask):
    answer = ask("local", "up")
    assert answer.returncode == 1
    assert "Clone the repository" in answer.stderr
