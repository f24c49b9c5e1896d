"""What `python -m infra.app` writes where, and what it refuses."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra import app
from infra.packaging.assets import Assets

Run = Callable[..., list[str]]


@pytest.fixture
def run(assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run it in a project of its own; returns the stacks in `cdk.out`."""
    shutil.copy(app.ROOT / "cdk.json", tmp_path)
    monkeypatch.setattr(app, "ROOT", tmp_path)
    monkeypatch.setattr(app, "build_assets", lambda root: assets)

    def run(*arguments: str, outdir: Path | None = None) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["infra.app", *arguments])
            if outdir is not None:  # As the `cdk` command says where.
                patch.setenv("CDK_OUTDIR", str(outdir))
            app.main()
        return sorted(path.name for path in (tmp_path / "cdk.out").glob("*.template.json"))

    return run


def test_another_stack_that_was_written_into_cdk_out_is_written_over(
    run: Run, tmp_path: Path
) -> None:
    assert run() == ["Stratos.template.json"]
    written = run("--out", str(tmp_path / "cdk.out"), "-c", "stratos:stack=Dev")
    assert "Dev.template.json" in written
    assert run() == ["Stratos.template.json"]


def test_what_the_cdk_command_wrote_is_not_taken_for_what_cdk_json_says(
    run: Run, tmp_path: Path
) -> None:
    run()
    (tmp_path / "cdk.out" / "witness").touch()
    run(outdir=tmp_path / "cdk.out")
    run()
    assert not (tmp_path / "cdk.out" / "witness").exists()


def test_what_is_written_already_is_kept(run: Run, tmp_path: Path) -> None:
    run()
    (tmp_path / "cdk.out" / "witness").touch()
    run()
    assert (tmp_path / "cdk.out" / "witness").exists()
    run("--out", str(tmp_path / "cdk.dev"), "-c", "stratos:stack=Dev")
    run()
    assert (tmp_path / "cdk.out" / "witness").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stratos:stak=Dev", "there is no setting stratos:stak; there are stratos:stack, "),
        ("stratos:stack=Stratos-Dev", "cannot be called 'Stratos-Dev'.* such as StratosDev"),
        ("stratos:subnets=subnet-1", "set both, or neither"),
        ("stratos:worker_regions=eu-west-1", "stratos:home_region is empty: .* set it to"),
    ],
)
def test_a_setting_that_cannot_be_is_one_clear_error(
    run: Run, tmp_path: Path, setting: str, message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        run("--out", str(tmp_path / "other"), "-c", setting)


def test_every_setting_in_cdk_json_is_known() -> None:
    context = json.loads((app.ROOT / "cdk.json").read_text())["context"]
    ours = {key.removeprefix("stratos:") for key in context if key.startswith("stratos:")}
    assert ours == set(app._SETTINGS)
