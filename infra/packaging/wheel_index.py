"""Which wheels the package index has of a version, and their hashes. Nothing is downloaded.

https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

INDEX = "https://pypi.org/simple"
_JSON = "application/vnd.pypi.simple.v1+json"
_AT_ONCE, _TIMEOUT_SECONDS = 8, 60
_NEWEST_GLIBC_MINOR = 50
_OLD_NAMES = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
"""What wheels for a glibc were called before PEP 600."""


@dataclass(frozen=True)
class WheelFile:
    """A wheel that the index lists."""

    filename: str
    sha256: str


def linux_tags(
    python: str, machines: Iterable[str], glibc_minor: int = _NEWEST_GLIBC_MINOR
) -> list[Tag]:
    """The tags that CPython accepts on Linux, those it likes best first.

    Args:
        python: Its version, such as "3.11".
        glibc_minor: Of the newest glibc 2 that a wheel may want.
    """
    version = tuple(map(int, python.split(".")))
    platforms = [name for machine in machines for name in platforms_of(machine, glibc_minor)]
    own = list(cpython_tags(version, platforms=platforms))
    return own + list(compatible_tags(version, f"cp{version[0]}{version[1]}", platforms))


def platforms_of(machine: str, glibc_minor: int) -> Iterator[str]:
    """The platforms whose wheels a Linux machine loads, the newest glibc first.

    pip takes each name literally: a machine with glibc 2.34 also loads wheels for 2.17, and those
    that say so by its former name.
    """
    for minor in range(glibc_minor, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _OLD_NAMES:
            yield f"{_OLD_NAMES[minor]}_{machine}"
    yield f"linux_{machine}"


def hashes_of(
    pins: Mapping[str, str], tags: list[Tag], *, best_only: bool = False, sources: bool = False
) -> dict[str, list[str]]:
    """Name → SHA-256 of each wheel of its pinned version that one of the tags fits.

    Args:
        best_only: Only the wheel that the first of the tags fits, which pip would take.
        sources: Where a version has no wheel at all, its source archive.

    Raises:
        ValueError: when the index has no such wheel. What would have to be built runs its own
            code, and brings what no hash covers.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        pages = dict(zip(pins, threads.map(_page, pins), strict=True))
    found = {}
    for name, version in pins.items():
        wheels = wheels_in(pages[name], version)
        source = [] if wheels or not sources else source_in(pages[name], version)
        found[name] = source or permitted(name, version, wheels, tags, best_only=best_only)
    return found


def permitted(
    name: str, version: str, wheels: Iterable[WheelFile], tags: list[Tag], *, best_only: bool
) -> list[str]:
    """Hashes of the wheels that one of the tags fits, sorted."""
    rank = {tag: place for place, tag in enumerate(tags)}
    fitting = []
    for wheel in wheels:
        places = [rank[tag] for tag in parse_wheel_filename(wheel.filename)[3] if tag in rank]
        if places:
            fitting.append((min(places), wheel.sha256))
    if not fitting:
        raise ValueError(
            f"{INDEX} has no wheel of {name} {version} for {tags[0]} or what it can load too; "
            "pin a version that has one"
        )
    return [min(fitting)[1]] if best_only else sorted(sha256 for _, sha256 in fitting)


def wheels_in(page: Mapping[str, Any], version: str) -> list[WheelFile]:
    """The wheels of a version on a project's page."""
    found = []
    for file in page["files"]:
        try:
            _, of, _, _ = parse_wheel_filename(file["filename"])
        except InvalidWheelFilename:  # a source archive, or a name from before there were rules
            continue
        if of == Version(version):
            found.append(WheelFile(file["filename"], file["hashes"]["sha256"]))
    return found


def source_in(page: Mapping[str, Any], version: str) -> list[str]:
    """SHA-256 of a version's source archive; empty where there is none."""
    found = []
    for file in page["files"]:
        try:
            _, of = parse_sdist_filename(file["filename"])
        except InvalidSdistFilename:
            continue
        if of == Version(version):
            found.append(file["hashes"]["sha256"])
    return found


def _page(name: str) -> Any:
    request = urllib.request.Request(
        f"{INDEX}/{canonicalize_name(name)}/", headers={"Accept": _JSON}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        return json.load(answer)
