"""What a job brings: everything that its packages need, in the versions tested here."""

from __future__ import annotations

import re
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.app import ROOT
from infra.packaging.lock import IN_THE_IMAGE, closure, lock_text, requirements_in
from infra.packaging.wheels import TRAINING_IMAGE


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
    return closure([Requirement("job")], TRAINING_IMAGE, found.__getitem__)


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


def test_a_lock_has_a_hash_on_each_line():
    text = lock_text({"a": "1"}, {"a": "00ff"})
    assert text.splitlines()[-1] == "a==1 --hash=sha256:00ff"
    assert all(line.startswith("#") for line in text.splitlines()[:-1])


def test_comments_are_no_requirements():
    assert requirements_in("# why\n\na==1  # that\n") == [Requirement("a==1")]


def test_the_lock_has_what_the_pins_need_in_the_versions_of_this_environment():
    pins = (ROOT / "training" / "requirements.txt").read_text()
    locked = (ROOT / "training" / "requirements.lock").read_text()
    versions = {
        canonicalize_name(name): version
        for name, version in re.findall(r"^(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}$", locked, re.M)
    }
    assert versions == closure(requirements_in(pins), TRAINING_IMAGE, Distribution.from_name)
    ours = (ROOT / "requirements.lock").read_text()
    tested = {canonicalize_name(n): v for n, v in re.findall(r"^(\S+)==([^\s+]+)", ours, re.M)}
    assert versions.items() <= tested.items()
    assert tested["torch"] == IN_THE_IMAGE["torch"]
