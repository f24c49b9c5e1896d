"""The site is what the pages are: it fails where a forge would show a dead end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(pages: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a folder of pages as `make lint` builds this repository's."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--fresh-env"]
    command += ["--conf-dir", str(ROOT / "docs" / "site"), str(pages), str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A repository of four pages; the site's home lists all of them."""
    folder = tmp_path / "pages"
    (folder / "docs" / "decisions").mkdir(parents=True)
    (folder / "README.md").write_text("# Thing\n\n[how](docs/use.md#two-words-and-code)\n")
    (folder / "docs" / "README.md").write_text(
        "# Documentation\n\n## Learn\n\n| | |\n|---|---|\n| [use](use.md) | how |\n"
        "| 1 | [why](decisions/README.md) |\n\n"
        "## More\n\n| | |\n|---|---|\n| [thing](../README.md) | |\n"
    )
    (folder / "docs" / "use.md").write_text("# Use\n\n## Two *words*, and `code`\n\n[up](#use)\n")
    (folder / "docs" / "decisions" / "README.md").write_text("# Decisions\n")
    return folder


def test_a_site_is_made_of_pages_as_a_forge_shows_them(pages: Path, tmp_path: Path) -> None:
    built = build(pages, tmp_path / "site")
    assert built.returncode == 0, built.stderr
    home = (tmp_path / "site" / "docs" / "README.html").read_text()
    assert re.findall(r'<span class="caption-text">(\w+)', home) == ["Learn", "More"]
    assert 'href="../README.html"' in home
    thing = (tmp_path / "site" / "README.html").read_text()
    assert 'href="docs/use.html#two-words-and-code"' in thing
    assert "url=docs/README.html" in (tmp_path / "site" / "index.html").read_text()


def test_a_page_of_the_site_fetches_nothing_from_elsewhere(pages: Path, tmp_path: Path) -> None:
    build(pages, tmp_path / "site")
    home = (tmp_path / "site" / "docs" / "README.html").read_text()
    fetched = re.findall(r"<(?:link|script|img)\b[^>]*?(?:href|src)=\"([^\"]+)\"", home)
    assert any(".css" in name for name in fetched)
    assert [name for name in fetched if re.match(r"(https?:)?//", name)] == []
    styles = "".join(style.read_text() for style in (tmp_path / "site").rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?https?:", styles) == []
    assert "prefers-color-scheme" in styles


@pytest.mark.parametrize(
    ("page", "text", "warning"),
    [
        ("docs/use.md", "# Use\n\n## Two words and code\n\n[gone](gone.md)\n", "gone.md"),
        ("docs/use.md", "# Use\n\n## Two words and code\n\n[no](#no-such)\n", "no-such"),
        ("docs/use.md", "# Use\n", "two-words-and-code"),
        ("docs/orphan.md", "# Nobody lists this\n", "toc.not_included"),
    ],
    ids=["no such page", "no such heading", "a heading of another page", "an orphan"],
)
def test_a_dead_end_fails_the_build(
    pages: Path, tmp_path: Path, page: str, text: str, warning: str
) -> None:
    (pages / page).write_text(text)
    built = build(pages, tmp_path / "site")
    assert built.returncode == 1
    assert warning in built.stderr
