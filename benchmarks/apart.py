"""Contenders of a benchmark, each in a process of its own, one thread each."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping

Measured = dict[str, float]


def measure_apart(
    script: str, module: str, contender: str, settings: Mapping[str, str] | None = None
) -> Measured:
    """Measure one contender by calling this script again with `--one`.

    Args:
        settings: More variables of its environment.

    Raises:
        SystemExit: with the end of what it wrote, when it failed.
    """
    one_thread = {"OMP_NUM_THREADS": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
    ran = subprocess.run(
        [sys.executable, script, "--one", module, contender],
        env={**os.environ, **one_thread, **(settings or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise SystemExit(f"{contender} failed:\n{ran.stderr[-3000:]}")
    found: Measured = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def measure_here(module: str, contender: str) -> Measured:
    """Measure one contender in this process."""
    measure: Callable[[], Measured] = getattr(
        importlib.import_module(f"benchmarks.{module}"), contender
    )
    return measure()


def is_installed(contender: str) -> bool:
    """Whether the package of a contender, which its name ends with, is here."""
    package = {"trl": "trl", "liger": "liger_kernel"}.get(contender.rpartition("_")[2])
    return package is None or importlib.util.find_spec(package) is not None
