"""What each place installs: pinned, with hashes, in the versions tested here."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.app import ROOT
from infra.packaging.audit import LOCKS
from infra.packaging.lock import (
    CPU_BUILDS,
    FUNCTIONS,
    IMAGES_NUMPY,
    IN_THE_IMAGE,
    JOBS,
    PYTHONS,
    TOOLKIT,
    TOOLKIT_BUILD,
    TOOLS,
    closure,
    environment_of,
    hashes_in,
    lock_text,
    package_lock,
    package_pins,
    pins_in,
    requirements_in,
)
from infra.packaging.wheels import TRAINING_IMAGE

EVERY_LOCK = sorted({*LOCKS, *(ROOT / name for name in (*TOOLS, TOOLKIT, IMAGES_NUMPY))})


class Fake(Distribution):
    """A package that needs others."""

    def __init__(self, version: str, *needs: str) -> None:
        lines = [f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
        self._text = "\n".join(lines)

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path):
        return Path(path)


def pins_with(**found: Fake) -> dict[str, str]:
    environment = environment_of(TRAINING_IMAGE.python)
    return closure([Requirement("job")], environment, found.__getitem__, IN_THE_IMAGE)


def named(pins: dict[str, str]) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in pins.items()}


def test_what_a_package_needs_comes_with_it_but_for_the_image_and_other_machines():
    needs = (
        "direct>=1",
        "torch>=2.0",
        'windows; sys_platform == "win32"',
        'old; python_version < "3.12"',
        'new; python_version >= "3.12"',
        'chosen; extra == "more"',
    )
    found = pins_with(
        job=Fake("1.0", *needs), direct=Fake("2.0", "numpy", "job"), new=Fake("3.0", "direct")
    )
    assert found == {"job": "1.0", "direct": "2.0", "new": "3.0"}


def test_a_version_that_the_image_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"torch>=99 is needed, and AWS's image has torch 2\.13"):
        pins_with(job=Fake("1.0", "torch>=99"))


def test_a_lock_is_read_as_it_is_written():
    pins, hashes = {"a": "1", "b-c": "2.0+cpu"}, {"a": ["0" * 64], "b-c": ["1" * 64, "2" * 64]}
    text = "# why\n" + lock_text(pins, hashes)
    assert (pins_in(text), hashes_in(text)) == (pins, hashes)


def test_comments_are_no_requirements():
    assert requirements_in("# why\n\na==1  # that\n") == [Requirement("a==1")]


@pytest.mark.parametrize("lock", EVERY_LOCK, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_is_installed_is_pinned_with_hashes(lock):
    text = lock.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("#", "    --hash"))]
    pinned = re.compile(r"[A-Za-z0-9][\w.-]*==\S+ (--hash|\\)")
    assert [line for line in lines if not pinned.match(line)] == []
    assert [name for name, hashes in hashes_in(text).items() if not hashes] == []
    assert hashes_in(text).keys() == pins_in(text).keys() != set()


def test_no_command_installs_what_no_hash_covers():
    installing = re.compile(r'pip[", ]+(?:install|download|wheel)\b|_?pip\("install"')
    unhashed = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for folder in ("infra", "benchmarks", "tests/infra", "tests/integration", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        for name, text in scopes(path.read_text())
        if len(installing.findall(text)) > text.count("--require-hashes")
    }
    assert unhashed == {*OF_THIS_REPOSITORY, *PEERS_BY_HAND}
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    lines = [line for line in makefile.splitlines() if "pip install" in line]
    assert lines
    assert [line for line in lines if "--require-hashes" not in line] == []


def scopes(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of each outermost function, and of what lies outside of any."""
    tree = ast.parse(text)
    outer = [*tree.body, *(part for node in tree.body if isinstance(node, ast.ClassDef)
                           for part in node.body)]  # fmt: skip
    rest = text
    for node in outer:
        if isinstance(node, ast.FunctionDef):
            inside = ast.get_source_segment(text, node) or ""
            rest = rest.replace(inside, "")
            yield node.name, inside
    yield "module", rest


OF_THIS_REPOSITORY = {"infra/distribution.py: build_wheel", "infra/packaging/bootstrap.py: install"}
"""Without what it depends on, and built with what is there."""
PEERS_BY_HAND = {
    "benchmarks/distill.py: module",
    "benchmarks/distill_real.py: main",
    "benchmarks/distill_real.py: module",
    "benchmarks/engines.py: module",
}


def test_each_command_needs_hashes_of_its_own():
    text = 'HASHED = ["pip", "install", "--require-hashes"]\ndef one():\n    x = ["pip", "install"]'
    assert [(name, text.count("--require-hashes")) for name, text in scopes(text)] == [
        ("one", 0),
        ("module", 1),
    ]


def test_what_builds_source_archives_is_what_is_tested():
    [(name, version)] = pins_in((ROOT / TOOLKIT_BUILD).read_text()).items()
    assert pins_in((ROOT / "requirements.lock").read_text())[name] == version


def test_each_build_of_torch_for_the_clones_python_may_be_installed():
    locked = (ROOT / "requirements.lock").read_text()
    torch = hashes_in(locked)["torch"]
    assert CPU_BUILDS[f"torch=={pins_in(locked)['torch']}"] in torch
    assert len(torch) == 3  # and for CUDA, on x86-64 and on Arm
    cpu = (ROOT / "requirements-cpu.lock").read_text()
    assert pins_in(cpu)["torch"] == f"{pins_in(locked)['torch']}+cpu"
    assert set(hashes_in(cpu)["torch"]) <= set(torch)


def test_the_jobs_lock_has_what_the_pins_need_in_the_versions_of_this_environment():
    wanted = requirements_in((ROOT / "training" / "requirements.txt").read_text())
    environment = environment_of(TRAINING_IMAGE.python)
    locked = (ROOT / JOBS).read_text()
    needed = closure(wanted, environment, Distribution.from_name, IN_THE_IMAGE)
    assert named(pins_in(locked)) == needed
    tested = named(pins_in((ROOT / "requirements.lock").read_text()))
    assert needed.items() <= tested.items()
    assert tested["torch"] == IN_THE_IMAGE["torch"]


@pytest.mark.parametrize("name", [JOBS, *FUNCTIONS])
def test_an_archive_takes_one_wheel_of_each_package(name):
    assert {len(hashes) for hashes in hashes_in((ROOT / name).read_text()).values()} == {1}


@pytest.mark.parametrize("python", PYTHONS)
def test_an_installations_lock_has_what_the_package_needs_in_the_versions_tested(python):
    assert pins_in(package_lock(python).read_text()) == package_pins(python)


def test_one_version_of_the_sdk_is_pinned():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    tooling = (ROOT / "infra" / "packaging" / "locks" / "tooling.lock").read_text()
    assert [f"{name}=={version}" for name, version in pins_in(tooling).items()] == extras["tooling"]
