"""The wheel: what it holds, and the commands of an installation that has nothing else."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.app import ROOT
from infra.distribution import build_wheel, deployed_files
from infra.packaging.lock import package_lock
from tests.people.doc_runner import sections
from tests.people.reader import TUTORIAL, reader_at

EXAMPLE = ROOT / "examples" / "mahjong-waits"
EVERY = os.environ.get("STRATOS_PYTHONS", "").split()
"""Interpreters that install the wheel and its lock, all that it asks for: `make test-pythons` names
them."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session", params=EVERY or [None])
def installed(request, wheel, tmp_path_factory):
    """The command line of an environment with the wheel, and without this clone.

    Unless interpreters are named, the packages that it needs are those of the tests' environment:
    to install them takes minutes.
    """
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([request.param or sys.executable, "-m", "venv", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--no-deps"]
    if request.param is None:
        (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    else:
        lock = package_lock(packages.parent.name.removeprefix("python"))
        hashed = ["--require-hashes", "--only-binary=:all:", "--requirement", lock]
        subprocess.run([*install, *hashed], check=True)
    subprocess.run([*install, wheel], check=True)
    if request.param is not None:
        subprocess.run([python, "-m", "pip", "check"], check=True)
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
    for folder in ("templates", "static"):  # what pages are made of lies in no package
        files = {path.name for path in (ROOT / "stratos" / "ui" / folder).iterdir()}
        assert files <= {Path(n).name for n in names if n.startswith(f"stratos/ui/{folder}/")}
    assert not any("/cli/" in name and name.endswith(".pyc") for name in names)


def test_an_installation_plans_and_inspects_without_a_clone(ask, tmp_path):
    folder = tmp_path / "spec"
    shutil.copytree(EXAMPLE, folder)
    inspected = ask("inspect", str(folder), "--json")
    assert json.loads(inspected.stdout)["refused"] == [], inspected.stderr
    loose = ["--what-if", "max_training_hours=9", "--what-if", "max_budget_usd=99"]
    planned = ask("plan", str(folder), *loose, "--html", str(tmp_path / "plan.html"))
    assert planned.returncode == 0, planned.stderr
    assert "ml." in planned.stdout
    assert "<html" in (tmp_path / "plan.html").read_text()
    assert ask("--version").stdout.startswith("stratos ")


def test_the_tutorial_leads_from_an_installation_to_a_plan(wheel, tmp_path):
    page = sections(TUTORIAL.read_text(encoding="utf-8"))
    reader = reader_at(tmp_path / "home", wheel)
    for section in ("The logs", "From installing to a plan"):
        reader.follow(page[section])


def test_an_installation_deploys_what_it_brought(ask):
    unset = ask("deploy", "--dry-run")
    assert (unset.returncode, "set AWS_REGION" in unset.stderr) == (1, True), unset.stderr
    other = ask("--stack", "Dev", "deploy", "--dry-run")
    assert "stratos/assembly was synthesized for the stack Stratos" in other.stderr


def test_an_installation_says_of_the_embedded_cloud_that_it_needs_a_clone(ask):
    answer = ask("local", "up")
    assert answer.returncode == 1
    assert "Clone the repository" in answer.stderr


def test_what_the_package_imports_is_what_its_wheel_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    brought = [*project["dependencies"], *project["optional-dependencies"]["serve"]]
    brought += project["optional-dependencies"]["hub"]
    asked_for = {canonicalize_name(Requirement(text).name) for text in brought}
    # What those bring themselves, and promise to.
    asked_for |= {"botocore", "pydantic-core", "referencing", "jsonschema-specifications"}
    owners = packages_distributions()
    imported = {
        node.module.partition(".")[0] if isinstance(node, ast.ImportFrom) else alias.name
        for path in (ROOT / "stratos").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if not isinstance(node, ast.ImportFrom) or (node.module and not node.level)
    }
    third_party = {name.partition(".")[0] for name in imported}
    third_party -= {*sys.stdlib_module_names, "stratos"}
    missing = {
        name
        for name in third_party
        if not asked_for & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert missing == set()
