"""GitHub's workflows run what a person runs, on the Pythons that the package is for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> dict[str, Any]:
    # In YAML 1.1 the key `on` is the truth.
    content = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return {"on" if key is True else key: value for key, value in content.items()}


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def pythons(job: dict[str, Any]) -> list[str]:
    """The versions that a job sets up; the last is `python3`."""
    [step] = [
        one for one in job["steps"] if one.get("uses", "").startswith("actions/setup-python@")
    ]
    return str(step["with"]["python-version"]).split()


def test_a_push_and_a_proposal_run_the_gate_itself() -> None:
    ci = read("ci.yml")
    assert {"push", "pull_request"} <= ci["on"].keys()
    assert commands(ci["jobs"]["gate"])[-1] == ".ci/run"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_gate_has_the_python_of_a_clone_and_that_of_jobs() -> None:
    from infra.packaging.bootstrap import NEEDED
    from infra.packaging.wheels import TRAINING_IMAGE

    clone = ".".join(map(str, NEEDED))
    assert pythons(read("ci.yml")["jobs"]["gate"]) == [TRAINING_IMAGE.python, clone]


def test_the_package_is_installed_on_every_python_that_it_is_for() -> None:
    install = read("ci.yml")["jobs"]["install"]
    tried = install["strategy"]["matrix"]["python"]
    makefile = (ROOT / "Makefile").read_text()
    [minors] = re.findall(r"^PYTHONS = \$\(foreach minor,([\d ]+),", makefile, re.MULTILINE)
    assert tried == [f"3.{minor}" for minor in minors.split()]
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert needed.startswith(f">={tried[0]}")
    assert commands(install) == ["make test-pythons PYTHONS=python${{ matrix.python }}"]


def test_a_release_comes_after_the_gate() -> None:
    jobs = read("release.yml")["jobs"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in read("ci.yml")["on"]
    assert jobs["release"]["needs"] == "ci"


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_a_workflow_may_do_no_more_than_it_says(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"].values()
    actions = [step["uses"] for job in jobs for step in job.get("steps", ()) if "uses" in step]
    assert actions
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)
