"""A reader who begins in an empty folder: a home with a clone in it, and nothing installed."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

from tests.people.doc_runner import Session

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
RUN_ID = re.compile(r"\bmy-logs-[0-9a-f]{8}\b")
_WIDTH = 120
_PIPX = """\
#!/bin/sh
# As pipx installs, but with the packages of the tests' environment: to fetch them takes minutes.
set -e
[ "$1" = install ]
venv="$HOME/.local/share/pipx/venvs/stratos-distill"
"{python}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$2"
for packages in "$venv"/lib/python3*/site-packages; do
  printf '{packages}' > "$packages/needed.pth"
done
ln -s "$venv/bin/stratos" "$HOME/.local/bin/stratos"
echo "  installed package $("$venv/bin/stratos" --version)"
"""


def reader_at(home: Path, wheel: Path) -> Session:
    """A reader's shell.

    Args:
        home: An empty folder, which gets `stratos`, the clone, with the wheel where `make wheel`
            puts it, and a `pipx`.
    """
    clone = home / "stratos"
    clone.mkdir(parents=True)
    for entry in ROOT.iterdir():
        if entry.name not in ("build", ".stratos"):
            (clone / entry.name).symlink_to(entry)
    (clone / "build" / "dist").mkdir(parents=True)
    (clone / "build" / "dist" / wheel.name).symlink_to(wheel)
    programs = home / ".local" / "bin"
    programs.mkdir(parents=True)
    needed = [path for path in sys.path if path.endswith("site-packages")]
    pipx = _PIPX.format(python=sys.executable, packages="\\n".join([*needed, ""]))
    (programs / "pipx").write_text(pipx)
    (programs / "pipx").chmod(stat.S_IRWXU)
    environment = {
        "HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "COLUMNS": str(_WIDTH),
    }
    return Session(home, environment, RUN_ID)
