"""The archive of packages, on the interpreter of AWS's PyTorch image: CPython 3.12.

torch for it is not at hand, so what imports torch is named and stands in docs/not-yet-proven.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from infra.app import ROOT
from infra.packaging.assets import SERVICES_OF_JOBS, Assets, build_assets
from infra.packaging.lock import IMAGES_NUMPY, IN_THE_IMAGE, pins_in
from infra.packaging.wheels import TRAINING_IMAGE, unpacked

NEEDS_TORCH = {"accelerate", "peft"}
"""Packages that import torch at once. transformers waits until a model is asked for."""
LACKS = {"adbc_driver_duckdb": "adbc_driver_manager", **dict.fromkeys(NEEDS_TORCH, "torch")}
"""What each package lacks there. duckdb's wheel brings a driver of Arrow's that nobody asks for."""
IMPORT_EACH = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
failed = {}
for name in json.loads(sys.argv[2]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = error.name or str(error)
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def built() -> Assets:
    return build_assets(ROOT)


@pytest.fixture(scope="module")
def packages(built: Assets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    with tarfile.open(built.packages) as archive:
        archive.extractall(folder, filter="data")
    (only,) = folder.iterdir()
    assert only.name == TRAINING_IMAGE.tag
    return only


@pytest.fixture(scope="module")
def python() -> str:
    """A CPython 3.12; a machine without one skips, and the gate does not."""
    found = _python_3_12()
    if found is None:
        assert "STRATOS_ALL_TESTS" not in os.environ, "no CPython 3.12 here: install python3.12"
        pytest.skip("no CPython 3.12 here, which is the interpreter of AWS's PyTorch image")
    return found


def _python_3_12() -> str | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which("python3.12"), *versions.glob("3.12.*/bin/python3.12")]
    for candidate in filter(None, candidates):
        # pyenv's shim exists for a version that is not switched on, and then fails.
        asked = [str(candidate), "-c", "import sys; print(sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == "(3, 12)":
            return str(candidate)
    return None


@pytest.fixture(scope="module")
def numpy_of_the_image() -> Path:
    pins = ROOT / IMAGES_NUMPY
    assert pins_in(pins.read_text()) == {"numpy": IN_THE_IMAGE["numpy"]}
    return unpacked(ROOT / "build" / "packages", [pins], TRAINING_IMAGE)


def imported(python: str, names: list[str], *path: Path) -> dict[str, str]:
    """Module → what its import lacked, of those that could not be imported."""
    command = [python, "-I", "-S", "-c", IMPORT_EACH, json.dumps([str(p) for p in path])]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [*command, json.dumps(names)], capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr
    failed: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
    return failed


def test_every_package_imports_there_or_wants_torch(python, packages, numpy_of_the_image):
    names = sorted(
        path.name.partition(".")[0]
        for path in packages.iterdir()
        if (path / "__init__.py").exists() or path.suffix in (".py", ".so")
    )
    assert {"boto3", "gguf", "safetensors", "tokenizers", "transformers", "xllamacpp"} <= set(names)
    failed = imported(python, names, packages, numpy_of_the_image)
    assert failed == LACKS


def test_every_module_of_ours_imports_there_or_wants_torch(
    python, built, packages, numpy_of_the_image, tmp_path
):
    with tarfile.open(built.source) as archive:
        archive.extractall(tmp_path, filter="data")
        names = sorted(
            name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for name in archive.getnames()
            if re.match(r"(training|serving/export|stratos/(contracts|spec|scoring))/.*\.py$", name)
        )
    failed = imported(python, names, tmp_path, packages, numpy_of_the_image)
    assert set(failed.values()) == {"torch"}
    whole = {name for name in names if name not in failed}
    assert {
        "stratos.spec.reader",
        "training.container.storage",
        "training.teachers.bedrock",
    } <= whole


def test_llama_cpp_of_the_archive_quantises_there(python, packages):
    program = (
        "import ctypes, sys; sys.path.insert(0, sys.argv[1]); import xllamacpp.xllamacpp as wheel\n"
        "library = ctypes.CDLL(wheel.__file__); row = (ctypes.c_float * 32)(*range(32))\n"
        "library.ggml_row_size.restype = ctypes.c_size_t\n"
        "size = library.ggml_row_size(8, ctypes.c_int64(32))\n"
        "out = ctypes.create_string_buffer(size)\n"
        "library.quantize_row_q8_0_ref(row, out, ctypes.c_int64(32)); print(size, out.raw[33])\n"
    )
    command = [python, "-I", "-S", "-c", program, str(packages)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["34", "127"], run.stderr


def test_aws_services_of_jobs_are_described_and_no_others(packages):
    described = {path.name for path in (packages / "botocore" / "data").iterdir() if path.is_dir()}
    assert {
        path for path in described if any((packages / "botocore/data" / path).rglob("*.*"))
    } == (set(SERVICES_OF_JOBS))
    code = "\n".join(path.read_text() for path in (ROOT / "training").rglob("*.py"))
    asked = set(re.findall(r"boto3\.client\(\s*\"([\w-]+)\"", code))
    assert {"s3", "bedrock-runtime", "secretsmanager"} <= asked <= set(SERVICES_OF_JOBS)


def test_the_archive_is_small_enough_to_be_brought_to_every_job(built, packages):
    assert built.packages.stat().st_size < 64 * 1024**2
    assert sum(path.stat().st_size for path in packages.rglob("*")) < 256 * 1024**2
