"""The user's own check of a rationale, step by step.

The file is the user's code. It is imported inside the job alone, and has the rights of the job's
role.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

Checker = Callable[[str, str, str], list[str]]
"""`check(question, answer, rationale)`: the rationale's problems, none if every step holds.

`answer` is what the rationale explains: the gold answer, or with `per_element` one element of it.
`rationale` is what was written before the answer marker.
"""


def load_checker(folder: Path) -> Checker:
    """Import `checker.py` from a channel and return its `check`.

    Raises:
        ValueError: when there is no such file or function.
    """
    files = sorted(folder.glob("*.py"))
    path = folder / "checker.py" if (folder / "checker.py").exists() else None
    if path is None and len(files) == 1:
        path = files[0]
    if path is None:
        raise ValueError(
            f"the checker channel holds {[file.name for file in files]}; expected checker.py"
        )
    spec = importlib.util.spec_from_file_location("stratos_domain_checker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check = getattr(module, "check", None)
    if not callable(check):
        raise ValueError(
            f"{path.name} defines no function `check`; "
            "add check(question, answer, rationale) -> list[str]"
        )
    found: Checker = check
    return found
