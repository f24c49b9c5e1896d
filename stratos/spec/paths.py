"""Paths in the spec's folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field


def bucket_path(path: str) -> str:
    """Return `path` if it stays inside the folder of the spec.

    Raises:
        ValueError: for an absolute path, a URI, one that climbs out with `..`, or one with control
            characters.
    """
    if "://" in path or path.startswith("/") or ".." in path.split("/") or not path.strip():
        raise ValueError(
            f"{path!r} is outside the spec's folder; "
            "give a path relative to the spec file and upload the file beside it"
        )
    if any(character < " " for character in path):
        raise ValueError(f"{path!r} has a control character, which no file is named with")
    return path


BucketPath = Annotated[str, Field(min_length=1, max_length=512)]
