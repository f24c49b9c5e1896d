"""The archives hold all that their code needs, and build the same twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import astuple
from pathlib import Path

import duckdb
import pytest

from infra.app import ROOT
from infra.local.lambda_.code import CodeStore
from infra.packaging import assets
from infra.parts.functions import HANDLERS

PACKAGES = ["steps", "dataset", "planning"]
INSPECTING = [
    "lambdas.handlers.inspect_dataset",
    "stratos.dataset.inspect_dataset",
    "stratos.dataset.inspect_for_run",
    "stratos.dataset.near_duplicates",
    "stratos.dataset.personal_data",
    "stratos.planning.offline",
]
PLANNING = [
    "stratos.planning",
    "stratos.catalog.local",  # measures this machine, with numpy
    *(f"lambdas.handlers.{item.module}" for item in HANDLERS if item.package == "planning"),
]
IMPORT_ALL = """
import importlib, json, pkgutil, sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p] + json.loads(sys.argv[1])
import lambdas, stratos
without = tuple(json.loads(sys.argv[2]))
names = [
    module.name
    for package in (lambdas, stratos)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
for name in names:
    if not name.startswith(without):
        importlib.import_module(name)
outside = [
    name for name, module in sys.modules.items()
    if "site-packages" in (getattr(module, "__file__", None) or "")
    and name.partition(".")[0] not in json.loads(sys.argv[3])
]
print(json.dumps({"imported": names, "outside": outside}))
"""


@pytest.fixture(scope="module")
def built() -> assets.Assets:
    return assets.build_assets(ROOT)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """boto3 and what else the managed runtime ships."""
    return CodeStore(tmp_path_factory.mktemp("runtime"), sys.executable).runtime_path()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_within_lambdas_limit(built, name):
    with zipfile.ZipFile(getattr(built, name)) as package:
        size = sum(entry.file_size for entry in package.infolist())
    assert size < assets.LAMBDA_LIMIT_BYTES


@pytest.mark.parametrize("name", PACKAGES)
def test_every_compiled_dependency_loads_on_amazon_linux_2(built, name):
    with zipfile.ZipFile(getattr(built, name)) as package:
        wheels = [path for path in package.namelist() if path.endswith(".dist-info/WHEEL")]
        tags = {path: package.read(path).decode() for path in wheels}
    assert tags
    for path, text in tags.items():
        glibc = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_x86_64", text)]
        glibc += [17] * ("manylinux2014" in text)
        assert min(glibc, default=0) <= 26, path


@pytest.mark.parametrize(
    ("name", "without"),
    [("steps", PLANNING + INSPECTING), ("dataset", PLANNING), ("planning", INSPECTING)],
)
def test_every_module_imports_with_nothing_but_its_package_and_the_runtime(
    built, runtime, tmp_path, name, without
):
    with zipfile.ZipFile(getattr(built, name)) as package:
        package.extractall(tmp_path)
    path = [str(tmp_path), str(runtime)]
    shipped = sorted(item.name.removesuffix(".py") for item in runtime.iterdir())
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL]
    command += [json.dumps(path), json.dumps(without), json.dumps(shipped)]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    assert answer["outside"] == []
    wanted = {f"lambdas.handlers.{item.module}" for item in HANDLERS if item.package == name}
    assert wanted <= set(answer["imported"])


def test_the_dataset_package_reads_parquet_without_what_was_left_out(built, tmp_path):
    with zipfile.ZipFile(built.dataset) as package:
        package.extractall(tmp_path)
    duckdb.sql("SELECT 'a' AS prompt, now() AS asked").write_parquet(str(tmp_path / "d.parquet"))
    program = (
        "import sys; sys.path.append(sys.argv[1]); from pathlib import Path\n"
        "from stratos.dataset.parquet import read_rows\n"
        "folder = Path(sys.argv[1])\n"
        "print([row['prompt'] for row in read_rows((folder / 'd.parquet').open('rb'), folder)])\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "['a']"


def test_the_planning_package_sorts_and_chooses_without_what_was_left_out(built, runtime, tmp_path):
    with zipfile.ZipFile(built.planning) as package:
        package.extractall(tmp_path)
    program = (
        "import sys; sys.path.append(sys.argv[1]); import numpy as np\n"
        "from stratos.planning import front\n"
        "points = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.4, 0.4]])\n"
        "print(sorted(front.non_dominated(points).tolist()),\n"
        "      front.compromise(points), front.hypervolume(points, np.array([2.0, 2.0])))\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split("] ")[0] == "[0, 1, 3"


def test_the_source_archive_holds_the_programs_of_every_job(built):
    with tarfile.open(built.source) as archive:
        entries = archive.getmembers()
    names = {entry.name for entry in entries}
    assert {"stratos/pipeline/steps.py", "serving/__init__.py", "training/__init__.py"} <= names
    for step in ("probe", "synthesize", "distill", "evaluate"):
        assert f"training/{step}.py" in names
    assert not any("__pycache__" in name or name.startswith("stratos/cli") for name in names)
    assert "requirements.txt" not in names  # AWS's toolkit would run pip at every start
    assert {(entry.mtime, entry.uid, entry.uname) for entry in entries} == {(0, 0, "")}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with next to no code, and no dependencies to install."""
    for name in ("lambdas", "stratos", "training", "serving"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "lambdas" / "requirements.txt").write_text("")
    (tmp_path / "lambdas" / "requirements-dataset.txt").write_text("")
    (tmp_path / "lambdas" / "requirements-planning.txt").write_text("")
    (tmp_path / "training" / "requirements.lock").write_text("")
    return tmp_path


def test_an_archive_is_built_again_only_when_what_goes_into_it_changed(checkout):
    first = assets.build_assets(checkout)
    before = first.steps.read_bytes(), first.steps.stat().st_mtime_ns
    again = assets.build_assets(checkout)
    assert (again.steps.read_bytes(), again.steps.stat().st_mtime_ns) == before
    (checkout / "stratos" / "new.py").write_text("x = 1\n")
    assets.build_assets(checkout)
    with zipfile.ZipFile(first.steps) as package:
        assert "stratos/new.py" in package.namelist()


def test_equal_inputs_give_equal_bytes(checkout):
    first = assets.build_assets(checkout)
    before = [path.read_bytes() for path in astuple(first)]
    for path in (checkout / "build").rglob("*.inputs"):
        path.unlink()
    (checkout / "stratos" / "__init__.py").touch()
    again = assets.build_assets(checkout)
    assert [path.read_bytes() for path in astuple(again)] == before


def test_a_dependency_that_cannot_be_installed_is_named_with_what_to_do(checkout):
    (checkout / "lambdas" / "requirements.txt").write_text("./no-such-folder\n")
    with pytest.raises(RuntimeError, match=r"(?s)requirements\.txt for Lambda:.*Check the network"):
        assets.build_assets(checkout)
