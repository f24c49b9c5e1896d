"""The first process of a training job: finds its recipe, starts its processes, and outlives them.

`stratos/contracts/job_start.py` has the command that becomes this process. It unpacks what the job
needs beyond its image, and runs the recipe that the job's configuration is of. Until then only the
standard library can be imported.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from stratos.contracts.job_start import PACKAGES_CHANNEL, PACKAGES_SHA256
from stratos.errors import StratosError
from stratos.log_lines import log_to
from training.container.driver import compat_libraries
from training.container.failure import report_failure
from training.container.packages import unpack_packages
from training.container.paths import SageMakerPaths, base_folder, read_config
from training.job.launcher import Layout, StopSignal, launch, processes_per_host

RECIPES = ("inspect", "probe", "synthesize", "distill", "evaluate")
SHARED = ("distill",)
"""Recipes that several processes can share."""
UNNAMED_FAILURE = 2
"""The exit code of a failure that Stratos has no name for."""


def main() -> int:
    """Run the job and return its exit code."""
    stop = StopSignal()
    stop.catch()
    log_to(sys.stdout, "%(asctime)s %(levelname)s %(message)s")
    base = base_folder()
    try:
        paths = SageMakerPaths.from_environment()
        recipe = _recipe(paths)
        shared = recipe in SHARED
        layout = Layout.of(
            read_config(base, "resource"), processes_per_host(os.environ, shared=shared)
        )
        if not shared:
            # The other hosts of the job's servers have no part in it.
            if layout.host > 0:
                return 0
            layout = Layout(interface=layout.interface)
        packages = unpack_packages(
            paths.channels.get(PACKAGES_CHANNEL),
            base / "packages",
            sha256=os.environ.get(PACKAGES_SHA256),
        )
        environ = _environment(packages, compat_libraries())
        return launch(f"training.{recipe}", layout, paths.output_dir, stop, environ)
    except StratosError as error:
        report_failure(base / "output", error)
        return 1
    except Exception as error:
        logging.getLogger(__name__).exception("the job did not start")
        report_failure(base / "output", error)
        return UNNAMED_FAILURE


def _recipe(paths: SageMakerPaths) -> str:
    """The kind of job that the configuration is of."""
    config = json.loads((paths.channel("config") / "config.json").read_text(encoding="utf-8"))
    kind = config.get("kind") if isinstance(config, dict) else None
    if kind not in RECIPES:
        raise ValueError(f"config.json is of kind {kind!r}; a job is one of {', '.join(RECIPES)}")
    return str(kind)


def _environment(packages: Path | None, libraries: Path | None) -> dict[str, str]:
    """What the job's processes are told.

    Args:
        libraries: Of CUDA, for the driver of this server.
    """
    folders = [str(Path(__file__).parents[1]), *([str(packages)] if packages else [])]
    if given := os.environ.get("PYTHONPATH"):
        folders.append(given)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONUNBUFFERED": "1"}
    if libraries is not None:
        given = os.environ.get("LD_LIBRARY_PATH")
        environ["LD_LIBRARY_PATH"] = os.pathsep.join([str(libraries), *([given] if given else [])])
    return environ


if __name__ == "__main__":
    sys.exit(main())
