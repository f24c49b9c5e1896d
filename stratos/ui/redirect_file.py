"""A file that leads a browser to an address: what stands in a command line, every user can read."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_PAGE = """<!doctype html><meta charset="utf-8"><title>Stratos</title>
<meta http-equiv="refresh" content="0; url={url}"><p><a href="{url}">Stratos</a></p>
"""


@contextmanager
def redirect_file(url: str) -> Iterator[str]:
    """The address of a file that only this user can read; at the end it is deleted."""
    with TemporaryDirectory(prefix="stratos-ui-") as folder:
        file = Path(folder) / "open.html"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(_PAGE.format(url=html.escape(url)))
        yield file.as_uri()
