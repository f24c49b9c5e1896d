"""`make sbom`: what is shipped and of what it is made, as CycloneDX JSON beside the wheel.

One list each for what the installed package needs, what functions carry and what jobs bring: every
package with its version and the hashes of its wheels, as the locks say. Equal locks give equal
bytes. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.packaging.lock import FUNCTIONS, JOBS, PYTHONS, ROOT, package_lock

DIST = ROOT / "build" / "dist"
SHIPPED: dict[str, tuple[Path, ...]] = {
    **{f"package-python{python}": (package_lock(python),) for python in PYTHONS},
    "functions": tuple(ROOT / name for name in FUNCTIONS),
    "jobs": (ROOT / JOBS,),
}
"""What is shipped → the locks that say of what it is made."""


def write_boms(target: Path) -> list[Path]:
    """Write a list for each thing that is shipped, and the locks of installations beside them."""
    target.mkdir(parents=True, exist_ok=True)
    for python in PYTHONS:
        shutil.copy(package_lock(python), target)
    return [write_bom(target / f"{name}.cdx.json", locks) for name, locks in SHIPPED.items()]


def write_bom(path: Path, locks: tuple[Path, ...]) -> Path:
    """Write what some locks list, together.

    Raises:
        RuntimeError: cyclonedx-py could not; its words are in the message.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as together:
        together.write("".join(lock.read_text() for lock in locks))
        together.flush()
        command = [sys.executable, "-m", "cyclonedx_py", "requirements", together.name]
        command += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible"]
        command += ["--output-format", "JSON", "--output-file", str(path)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(f"cyclonedx-py could not write {path}:\n{made.stderr.strip()}")
    return path


def main() -> None:
    for path in write_boms(DIST):
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
