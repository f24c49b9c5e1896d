"""The seams of the embedded cloud, as lint knows them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from infra.local.server import SEAMS

ROOT = Path(__file__).parents[4]


def test_lint_keeps_every_seam_from_importing_another() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (kept_apart,) = (
        contract["modules"]
        for contract in settings["contracts"]
        if contract["name"] == "no seam imports another seam"
    )
    assert sorted(kept_apart) == sorted(seam.__module__ for seam in SEAMS)
