"""The wheel of AWS's SDK, and the catalog's table from it."""

from __future__ import annotations

import json
import subprocess
import zipfile

import pytest

from infra import images as generator
from infra.app import ROOT
from stratos.catalog.image_list import CHOICES
from stratos.catalog.images import Images, images


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose SDK has been fetched, with the shipped table."""
    pin = generator.pinned_sdk((ROOT / "pyproject.toml").read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    tables = {choice.config: {"versions": {}} for choice in CHOICES}
    for choice, row in zip(CHOICES, images().images, strict=True):
        scope = "training" if choice.kind == "training" else "inference"
        repository, _, tag = row.image.partition(":")
        entry = {
            "container_version": {"cpu": tag, "gpu": tag},
            "processor_in_tag": False,
            "registries": {region: images().accounts[region] for region in row.regions},
            "repository": repository,
            "tag_prefix": row.version,
        }
        tables[choice.config] = {scope: {"versions": {row.version: entry}}}
    folder = tmp_path / "build" / "tooling"
    folder.mkdir(parents=True)
    name = pin.replace("-", "_").replace("==", "-")
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for config, table in tables.items():
            wheel.writestr(f"sagemaker/core/image_uri_config/{config}.json", json.dumps(table))
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    monkeypatch.setattr(generator, "TABLE", tmp_path / "images.json")
    return tmp_path


def test_the_table_is_written_and_then_found_to_be_what_the_wheel_gives(checkout, capsys):
    table = checkout / "images.json"
    table.write_text(images().model_copy(update={"accounts": {}}).model_dump_json())
    assert generator.main(["--check"]) == 1
    assert "run `make images`" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert Images.model_validate_json(table.read_text()).accounts == images().accounts
    assert generator.main(["--check"]) == 0


def test_only_the_maintainers_check_fails_for_a_table_that_is_out_of_date(
    checkout, monkeypatch, capsys
):
    assert generator.main([]) == 0
    monkeypatch.setattr(generator, "out_of_date", lambda table, today: ["support has ended"])
    assert generator.main(["--check"]) == 0
    assert capsys.readouterr().err == f"{checkout / 'images.json'}: support has ended\n"
    assert generator.main(["--check", "--current"]) == 1


def test_without_the_wheel_the_table_is_not_compared_and_lint_goes_on(
    checkout, monkeypatch, capsys
):
    assert generator.main([]) == 0

    def no_network(pin, folder):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(generator, "fetched", no_network)
    assert generator.main(["--check"]) == 0
    told = capsys.readouterr().err
    assert told.endswith("cannot be downloaded here, so images.json was not compared\n")
    assert told.count("\n") == 1
    assert generator.main(["--check", "--current"]) == 1


def test_the_sdk_is_pinned_to_the_version_that_the_table_names():
    name, _, version = generator.pinned_sdk((ROOT / "pyproject.toml").read_text()).partition("==")
    assert images().source.startswith(f"{name} {version} ")
