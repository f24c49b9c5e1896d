"""Synthesize the stack: `python -m infra.app`, or `npx cdk synth`, which runs the same."""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from infra.packaging.assets import Assets, build_assets, digest, exclusive
from infra.packaging.node import use_packaged_node

if TYPE_CHECKING:
    from aws_cdk import App

ROOT = Path(__file__).parent.parent


def build_app(assets: Assets, outdir: Path) -> App:
    """The CDK app with its one stack, not yet synthesized.

    The settings in cdk.json are applied here as well as by the `cdk` command, so that both ways
    of synthesizing give the same template.
    """
    use_packaged_node()
    import aws_cdk as cdk

    from infra.rights.accepted_findings import check_findings
    from infra.stack import Stratos

    settings = json.loads((ROOT / "cdk.json").read_text())
    app = cdk.App(context=settings["context"], outdir=str(outdir), analytics_reporting=False)
    stack = Stratos(
        app,
        "Stratos",
        assets=assets,
        log_retention_days=int(app.node.try_get_context("stratos:log_retention_days")),
        # A boolean in cdk.json, text from `cdk -c`.
        several_instance_types=app.node.try_get_context("stratos:several_instance_types")
        in (True, "true"),
        notification_email=app.node.try_get_context("stratos:notification_email") or None,
        description="Distil a model from a dataset and constraints dropped into a bucket",
    )
    check_findings(app, stack)
    return app


def main() -> None:
    """Write cdk.out, unless it already holds what would be written."""
    assets = build_assets(ROOT)
    if "CDK_OUTDIR" in os.environ:  # run by the `cdk` command, which may bring its own context
        build_app(assets, Path(os.environ["CDK_OUTDIR"])).synth()
        return
    outdir = ROOT / "cdk.out"
    stamp = ROOT / "build" / "cdk.out.inputs"
    with exclusive(ROOT / "build"):
        inputs = _inputs(assets)
        written = outdir / "manifest.json"
        if not (written.exists() and stamp.exists() and stamp.read_text() == inputs):
            shutil.rmtree(outdir, ignore_errors=True)
            build_app(assets, outdir).synth()
            stamp.write_text(inputs)


def _inputs(assets: Assets) -> str:
    """A digest of everything the template depends on."""
    here = Path(__file__).parent
    code = sorted(path for path in here.rglob("*.py") if here / "local" not in path.parents)
    sources = [*code, ROOT / "cdk.json"]
    archives = [assets.steps, assets.dataset, assets.planning, assets.source]
    versions = [f"{name}=={version(name)}" for name in ("aws-cdk-lib", "cdk-nag", "constructs")]
    return "\n".join([digest((path.name, path) for path in (*sources, *archives)), *versions])


if __name__ == "__main__":
    main()
