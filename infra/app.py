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
import sys
from collections.abc import Mapping
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from infra.packaging.archives import digest
from infra.packaging.assets import Assets, build_assets, exclusive
from infra.packaging.node import use_packaged_node
from infra.regions import Regions
from infra.settings import StackSettings
from stratos.hosting.names import StackNames

if TYPE_CHECKING:
    from aws_cdk import App, Stack

ROOT = Path(__file__).parent.parent
_SETTINGS = (
    *("stack", "notification_email", "log_retention_days", "record_retention_days"),
    *("upload_retention_days", "checkpoint_retention_days", "version_retention_days"),
    *("subnets", "security_groups", "encrypt_traffic", "several_instance_types"),
    *("home_region", "worker_regions", "private_hosts"),
    *("max_concurrent_runs", "max_concurrent_runs_per_spec", "default_max_budget_usd"),
)

EXAMPLE_REGIONS = {
    "stratos:home_region": "us-east-1",
    "stratos:worker_regions": "eu-west-1,ap-northeast-1",
}
"""Of the stacks that are synthesized for the documents, and linted."""


def build_app(assets: Assets, outdir: Path, context: Mapping[str, object] | None = None) -> App:
    """The CDK app with its stack, and one for each worker region, not yet synthesized.

    The settings in cdk.json are applied here as well as by the `cdk` command, so that both ways
    of synthesizing give the same template.

    Args:
        context: Settings in place of those in cdk.json.

    Raises:
        ValueError: A setting has no such value, or there is no such setting.
    """
    use_packaged_node()
    import aws_cdk as cdk

    from infra.rights.accepted_elsewhere import home_findings, worker_findings
    from infra.rights.accepted_findings import check_findings

    shipped = json.loads((ROOT / "cdk.json").read_text())
    app = cdk.App(
        context=shipped["context"] | dict(context or {}),
        outdir=str(outdir),
        analytics_reporting=False,
    )
    _refuse_unknown(app.node.get_all_context())

    settings = StackSettings(app.node.try_get_context)
    names = StackNames(settings.text("stack"))
    regions = Regions.of(settings.text("home_region"), settings.text("worker_regions"))
    stack = _home_stack(app, names, regions, settings, assets)
    workers = _worker_stacks(app, names, regions, settings, assets)
    check_findings(
        app,
        {
            stack: home_findings(regions.workers),
            **{worker: worker_findings(regions.home) for worker in workers},
        },
    )
    return app


def _home_stack(
    app: App, names: StackNames, regions: Regions, settings: StackSettings, assets: Assets
) -> Stack:
    from infra.parts.network import NetworkDefaults
    from infra.parts.run_limits import RunLimits
    from infra.parts.storage import Retention
    from infra.stack import Stratos

    return Stratos(
        app,
        names.stack,
        assets=assets,
        regions=regions,
        network=NetworkDefaults(
            subnets=settings.text("subnets"),
            security_groups=settings.text("security_groups"),
            encrypts_traffic=settings.flag("encrypt_traffic"),
            private_hosts=settings.names("private_hosts"),
        ),
        log_retention_days=settings.number("log_retention_days"),
        retention=Retention(
            record_days=settings.number("record_retention_days"),
            upload_days=settings.number("upload_retention_days"),
            checkpoint_days=settings.number("checkpoint_retention_days"),
            version_days=settings.number("version_retention_days"),
        ),
        run_limits=RunLimits(
            concurrent_runs=settings.number("max_concurrent_runs"),
            concurrent_runs_per_spec=settings.number("max_concurrent_runs_per_spec"),
            default_budget_usd=settings.number("default_max_budget_usd"),
        ),
        several_instance_types=settings.flag("several_instance_types"),
        notification_email=settings.text("notification_email") or None,
        description="Distil a model from a dataset and constraints dropped into a bucket",
    )


def _worker_stacks(
    app: App, names: StackNames, regions: Regions, settings: StackSettings, assets: Assets
) -> list[Stack]:
    from infra.worker import Worker

    return [
        Worker(
            app,
            names,
            region=region,
            home=regions.home,
            assets=assets,
            checkpoint_days=settings.number("checkpoint_retention_days"),
            encrypts_traffic=settings.flag("encrypt_traffic"),
            log_retention_days=settings.number("log_retention_days"),
            notification_email=settings.text("notification_email") or None,
            description=f"Run training jobs for {names.stack} in {regions.home}",
        )
        for region in regions.workers
    ]


def main() -> None:
    """Write what the command line, or the `cdk` command, asks for."""
    asked = _asked()
    try:
        if "CDK_OUTDIR" in os.environ:  # run by the `cdk` command, which may bring its own context
            synthesize_into(Path(os.environ["CDK_OUTDIR"]))
        elif asked.out is not None:
            synthesize_into(asked.out, dict(asked.context))
        else:
            synthesize()
    except ValueError as error:
        sys.exit(f"the template cannot be written: {error}")


def _refuse_unknown(context: Mapping[str, object]) -> None:
    known = [f"stratos:{name}" for name in _SETTINGS]
    ours = (key for key in context if key.startswith("stratos:"))
    if unknown := sorted(key for key in ours if key not in known):
        raise ValueError(f"there is no setting {', '.join(unknown)}; there are {', '.join(known)}")


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


def synthesize_into(outdir: Path, context: Mapping[str, str] | None = None) -> None:
    """Write a folder whose settings may differ from those in cdk.json."""
    assets = build_assets(ROOT)
    with exclusive(ROOT / "build"):
        if outdir.resolve() == (ROOT / "cdk.out").resolve():
            _stamp().unlink(missing_ok=True)  # it holds what cdk.json says no longer
        build_app(assets, outdir, context).synth()


def synthesize() -> None:
    """Write cdk.out, unless it already holds what would be written."""
    _synthesize_if_changed(ROOT / "cdk.out", _stamp())


def synthesize_regions() -> Path:
    """Write an example of a stack that has worker regions likewise, and return its folder."""
    outdir = ROOT / "build" / "cdk.regions"
    _synthesize_if_changed(outdir, ROOT / "build" / "cdk.regions.inputs", EXAMPLE_REGIONS)
    return outdir


def _synthesize_if_changed(
    outdir: Path, stamp: Path, context: Mapping[str, str] | None = None
) -> None:
    """Write an assembly, unless the stamp says that it is of today's inputs."""
    assets = build_assets(ROOT)
    with exclusive(ROOT / "build"):
        inputs = _inputs(assets)
        written = outdir / "manifest.json"
        if not (written.exists() and stamp.exists() and stamp.read_text() == inputs):
            shutil.rmtree(outdir, ignore_errors=True)
            build_app(assets, outdir, context).synth()
            stamp.write_text(inputs)


def _stamp() -> Path:
    """The file that says of which inputs cdk.out was made."""
    return ROOT / "build" / "cdk.out.inputs"


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
