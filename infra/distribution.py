"""`make wheel`: what people install with pip or pipx, built from this clone.

The wheel holds the package `stratos` alone. What it deploys to AWS travels in it as built: the
synthesized template, and the archives of functions and jobs (`stratos/assembly/`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.app import ROOT, synthesize

ASSEMBLY = Path("stratos") / "assembly"
"""Where the package keeps what it deploys."""
_METADATA = ("pyproject.toml", "README.md", "LICENSE")


def build_wheel(target: Path) -> Path:
    """Build the wheel into a folder and return its path.

    Raises:
        RuntimeError: pip could not build it; its words are in the message.
    """
    synthesize()
    target.mkdir(parents=True, exist_ok=True)
    for former in target.glob("stratos_distill-*.whl"):
        former.unlink()
    with tempfile.TemporaryDirectory() as staging:
        stage(Path(staging), ROOT / "cdk.out")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(target), staging]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(f"pip could not build the wheel:\n{built.stderr.strip()}")
    [wheel] = target.glob("stratos_distill-*.whl")
    return wheel


def stage(folder: Path, assembly: Path) -> None:
    """Lay out what the wheel is built from: the package, its metadata, and what it deploys."""
    shutil.copytree(
        ROOT / "stratos", folder / "stratos", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in _METADATA:
        shutil.copy(ROOT / name, folder / name)
    (folder / ASSEMBLY).mkdir()
    for name in sorted(deployed_files(assembly)):
        shutil.copy(assembly / name, folder / ASSEMBLY / name)


def deployed_files(assembly: Path) -> Iterator[str]:
    """The files of a cloud assembly that a deployment reads: no tree, no metadata."""
    yield "manifest.json"
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    for artifact in artifacts.values():
        properties = artifact.get("properties", {})
        if artifact["type"] == "aws:cloudformation:stack":
            yield properties["templateFile"]
        elif artifact["type"] == "cdk:asset-manifest":
            yield properties["file"]
            assets = json.loads((assembly / properties["file"]).read_text())["files"]
            for asset in assets.values():
                yield asset["source"]["path"]


def main() -> None:
    wheel = build_wheel(ROOT / "build" / "dist")
    sys.stdout.write(f"{wheel.relative_to(ROOT)}, {wheel.stat().st_size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
