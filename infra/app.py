"""Synthesize the stack: `python -m infra.app`, or `npx cdk synth`, which runs the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from infra.assets import Assets, build_assets
from infra.node import use_packaged_node

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

    from infra.findings import check_findings
    from infra.stack import Stratos

    settings = json.loads((ROOT / "cdk.json").read_text())
    app = cdk.App(context=settings["context"], outdir=str(outdir), analytics_reporting=False)
    stack = Stratos(
        app,
        "Stratos",
        assets=assets,
        log_retention_days=int(app.node.try_get_context("stratos:log_retention_days")),
        notification_email=app.node.try_get_context("stratos:notification_email") or None,
        description="Distil a model from a dataset and constraints dropped into a bucket",
    )
    check_findings(app, stack)
    return app


def main() -> None:
    outdir = Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out"))
    build_app(build_assets(ROOT), outdir).synth()


if __name__ == "__main__":
    main()
