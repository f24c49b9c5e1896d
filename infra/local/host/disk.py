"""A disk that is full, in words."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    return error.errno in _FULL


def full_words(directory: Path) -> str:
    """What to tell whoever wanted something kept in a directory."""
    try:
        left = f"{shutil.disk_usage(directory).free / 2**20:,.0f} MiB left"
    except OSError:
        left = "not to be looked at"
    return (
        f"the disk under {directory} is full ({left}): nothing more can be kept there. Free some "
        "space and try again; what was kept before is as it was"
    )
