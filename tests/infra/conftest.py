"""The template as it is synthesized, around archives that stand in for the built ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.app import EXAMPLE_REGIONS, build_app
from infra.packaging.assets import Assets
from infra.states.definition_reader import State, definition_of, states_of


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    """Small archives: what is in them does not change the template's shape."""
    folder = tmp_path_factory.mktemp("assets")
    for name in ("steps", "dataset", "planning"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("package.txt"), name)
    (folder / "source.tar.gz").write_bytes(b"source")
    (folder / "packages.tar.gz").write_bytes(b"packages")
    return Assets(
        steps=folder / "steps.zip",
        dataset=folder / "dataset.zip",
        planning=folder / "planning.zip",
        source=folder / "source.tar.gz",
        packages=folder / "packages.tar.gz",
    )


@pytest.fixture(scope="session")
def synthesize(assets: Assets) -> Callable[[Path], dict[str, Any]]:
    """Synthesize into a folder, as `python -m infra.app` does, and read the template."""

    def template_in(outdir: Path) -> dict[str, Any]:
        build_app(assets, outdir).synth()
        template: dict[str, Any] = json.loads((outdir / "Stratos.template.json").read_text())
        return template

    return template_in


@pytest.fixture(scope="session")
def template(
    synthesize: Callable[[Path], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return synthesize(tmp_path_factory.mktemp("cdk.out"))


HOME = EXAMPLE_REGIONS["stratos:home_region"]
WORKERS = tuple(EXAMPLE_REGIONS["stratos:worker_regions"].split(","))


@pytest.fixture(scope="session")
def assembly_of_regions(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a home stack and the stacks of two worker regions."""
    outdir = tmp_path_factory.mktemp("cdk.regions")
    build_app(assets, outdir, EXAMPLE_REGIONS).synth()
    return outdir


@pytest.fixture(scope="session")
def home_of_regions(assembly_of_regions: Path) -> dict[str, Any]:
    """The template of a home stack that has worker regions."""
    template: dict[str, Any] = json.loads(
        (assembly_of_regions / "Stratos.template.json").read_text()
    )
    return template


@pytest.fixture(scope="session")
def worker_template(assembly_of_regions: Path) -> dict[str, Any]:
    """The template of the first worker region."""
    path = assembly_of_regions / f"Stratos-{WORKERS[0]}.template.json"
    template: dict[str, Any] = json.loads(path.read_text())
    return template


@pytest.fixture(scope="session", params=["template", "home_of_regions", "worker_template"])
def any_template(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Every template in turn, for what goes for all of them."""
    template: dict[str, Any] = request.getfixturevalue(request.param)
    return template


@pytest.fixture(scope="session")
def definition(template: dict[str, Any]) -> dict[str, Any]:
    return definition_of(template)


@pytest.fixture(scope="session")
def states(definition: dict[str, Any]) -> dict[str, State]:
    """Every state by name, those of the Map too."""
    return dict(states_of(definition))


@pytest.fixture(scope="session")
def module_of(template: dict[str, Any]) -> dict[str, str]:
    """Lambda resource, as the definition names it → handler module."""
    return {
        f"<{name}.Arn>": resource["Properties"]["Handler"].split(".")[2]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
