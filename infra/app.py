"""Synthesize the stack, as `npx cdk synth` does, which runs the same.

.venv/bin/python -m infra.app                           cdk.out, as cdk.json says
.venv/bin/python -m infra.app --out cdk.dev -c stratos:stack=StratosDev
                                                        another stack, beside it
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from infra.packaging.archives import digest
from infra.packaging.assets import Assets, build_assets, exclusive
from infra.packaging.node import use_packaged_node
from infra.settings import StackSettings
from stratos.hosting.names import StackNames

if TYPE_CHECKING:
    from aws_cdk import App

ROOT = Path(__file__).parent.parent


def build_app(assets: Assets, outdir: Path, context: Mapping[str, object] | None = None) -> App:
    """The CDK app with its one stack, not yet synthesized.

    The settings in cdk.json are applied here as well as by the `cdk` command, so that both ways
    of synthesizing give the same template.

    Args:
        context: Settings in place of those in cdk.json.
    """
    use_packaged_node()
    import aws_cdk as cdk

    from infra.parts.network import NetworkDefaults
    from infra.rights.accepted_findings import check_findings
    from infra.stack import Stratos

    shipped = json.loads((ROOT / "cdk.json").read_text())
    app = cdk.App(
        context=shipped["context"] | dict(context or {}),
        outdir=str(outdir),
        analytics_reporting=False,
    )

    settings = StackSettings(app.node.try_get_context)
    stack = Stratos(
        app,
        StackNames(settings.text("stack")).stack,
        assets=assets,
        network=NetworkDefaults(
            subnets=settings.text("subnets"),
            security_groups=settings.text("security_groups"),
            encrypts_traffic=settings.flag("encrypt_traffic"),
        ),
        log_retention_days=settings.number("log_retention_days"),
        several_instance_types=settings.flag("several_instance_types"),
        notification_email=settings.text("notification_email") or None,
        description="Distil a model from a dataset and constraints dropped into a bucket",
    )
    check_findings(app, stack)
    return app


def main() -> None:
    """Write what the command line, or the `cdk` command, asks for."""
    asked = _asked()
    if "CDK_OUTDIR" in os.environ:  # run by the `cdk` command, which may bring its own context
        build_app(build_assets(ROOT), Path(os.environ["CDK_OUTDIR"])).synth()
    elif asked.out is not None:
        build_app(build_assets(ROOT), asked.out, dict(asked.context)).synth()
    else:
        synthesize()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder that receives the template")
    parser.add_argument(
        *("-c", "--context"),
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="a setting in place of the one in cdk.json",
    )
    asked = parser.parse_args()
    if asked.context and asked.out is None:
        parser.error("name a folder with --out: cdk.out holds what cdk.json says")
    return asked


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def synthesize() -> None:
    """Write cdk.out, unless it already holds what would be written."""
    assets = build_assets(ROOT)
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
    archives = list(astuple(assets))
    versions = [f"{name}=={version(name)}" for name in ("aws-cdk-lib", "cdk-nag", "constructs")]
    return "\n".join([digest((path.name, path) for path in (*sources, *archives)), *versions])


if __name__ == "__main__":
    main()
