"""The documentation as a site, by Sphinx: `make site` builds it, `make lint` checks it.

The pages are the Markdown files of the repository, as a forge shows them, at the same places: a
link is written once, and leads to the same page there and here. The navigation is what the lists
of `docs/README.md` and `docs/decisions/README.md` link, so a page that no list names fails the
build, as does a link to a page or a heading that is not there.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from posixpath import dirname, join, normpath

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
LISTS = ("docs/README", "docs/decisions/README")
"""Pages whose tables are the navigation."""

project = "Stratos"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/**.md", "findings/README.md", "examples/*/README.md"]
include_patterns += ["stratos/catalog/data/README.md"]
exclude_patterns = [".*", "build", "cdk.*", "node_modules"]
root_doc = "docs/README"
templates_path = ["templates"]
show_warning_types = True
suppress_warnings = ["myst.header"]  # a level of headings that is left out breaks no link

myst_heading_anchors = 4  # named as a forge names them

html_theme = "furo"  # light and dark, and nothing that is fetched from elsewhere
html_title = f"Stratos {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_additional_pages = {"index": "to_the_first_page.html"}

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_LISTED = re.compile(r"^\|[^\[\n]*\[[^\]]+\]\(([^)#\s]+\.md)\)", re.MULTILINE)
_TREE = "```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", add_navigation)
    return {"parallel_read_safe": True}


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Turn the tables of a list into a tree that the sidebar shows."""
    if page not in LISTS:
        return
    trees = []
    for caption, section in sections(source[0]):
        pages = [f"/{normpath(join(dirname(page), link))}" for link in _LISTED.findall(section)]
        if pages:
            trees.append(_TREE.format(caption=caption, pages="\n".join(pages)))
    source[0] = "\n".join([source[0], *trees])


def sections(text: str) -> list[tuple[str, str]]:
    """Each heading of the second level with what follows it; the title with what stands before."""
    title, *parts = _SECTION.split("# " + text.lstrip("# "))
    return [(title.splitlines()[0].lstrip("# "), title), *zip(parts[::2], parts[1::2], strict=True)]
