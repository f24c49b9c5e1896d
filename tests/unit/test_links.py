"""What the pages point at is there: files, headings, paths in backticks, tests by their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for pattern in ("*.md", "docs/**/*.md", "examples/*/*.md") for page in ROOT.glob(pattern)
)
FOLDERS = "stratos|lambdas|training|serving|infra|tests|benchmarks|examples|docs"

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PATH = re.compile(rf"(?:{FOLDERS})/[\w./-]*")
_TEST = re.compile(r"test_\w+")
_DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page; a repeated one is numbered."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(prose(page)):
        text = _LINK.sub(r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken_links(page: Path, root: Path) -> Iterator[str]:
    """Links of a page that lead nowhere, or out of the repository."""
    for _, link in _LINK.findall(prose(page)):
        if re.match(r"\w+:", link):  # the web
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        is_there = target.is_relative_to(root) and target.exists()
        if not is_there or (anchor and anchor not in anchors(target)):
            yield link


def named_in_code(page: Path, pattern: re.Pattern[str]) -> set[str]:
    """What stands in backticks and is of a kind."""
    return {code for code in _CODE.findall(prose(page)) if pattern.fullmatch(code)}


@cache
def defined_tests() -> frozenset[str]:
    files = ROOT.glob("tests/**/test_*.py")
    return frozenset(name for file in files for name in _DEFINED.findall(file.read_text("utf-8")))


@each_page
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert list(broken_links(page, ROOT)) == []


@each_page
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    assert {path for path in named_in_code(page, _PATH) if not (ROOT / path).exists()} == set()


@each_page
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    assert named_in_code(page, _TEST) - defined_tests() == set()


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One *page*, `two` names\n\n# Twice\n\n# Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#one-page-two-names) [c](other.md#twice-1) [d](#here) "
        "[e](https://example.com/x)\n\n## Here\n\n```\n[not](a-link)\n```\n"
        "[f](gone.md) [g](other.md#twice-2) [h](../outside.md) [i](#there)\n"
    )
    broken = ["gone.md", "other.md#twice-2", "../outside.md", "#there"]
    assert list(broken_links(page, tmp_path)) == broken
