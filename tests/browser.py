"""Pages in a real browser: what is cut off, what overlaps, what they ask of the network.

Needs Chromium (Debian's `chromium`, or the program that STRATOS_CHROMIUM names).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

WIDTHS = (360, 800, 1400)
"""CSS pixels: a telephone, half a screen, a screen."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
REQUIRED = "STRATOS_ALL_TESTS"
"""Set where these tests must run; elsewhere a machine without Chromium skips them."""
GIVEN_UP = "STRATOS_WITHOUT_BROWSER"
"""Set by a gate that has said that it could install none."""

_FAULTS = Path(__file__).with_name("page_faults.js").read_text("utf-8")


@dataclass(frozen=True)
class Look:
    """One way in which a page is looked at."""

    width: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


LOOKS = tuple(Look(width, scheme) for width in WIDTHS for scheme in SCHEMES)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window.

    Without one the test is skipped, or fails where STRATOS_ALL_TESTS is set.
    """
    program = os.environ.get("STRATOS_CHROMIUM") or shutil.which("chromium")
    if program is None:
        must = REQUIRED in os.environ and GIVEN_UP not in os.environ
        assert not must, "no Chromium here: install chromium"
        pytest.skip("no Chromium here")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, look: Look, own: str | None = None) -> Iterator[Page]:
    """A page as it is looked at; fails if it asks another server, or its script fails.

    Args:
        own: What addresses of the page's own server begin with; None for a page that is a file, and
            may ask nobody.
    """
    asked: list[str] = []
    failed: list[str] = []
    context = browser.new_context(
        viewport={"width": look.width, "height": 900}, color_scheme=look.scheme
    )

    def note(request: Request) -> None:
        allowed = request.url == url or request.url.startswith(("data:", "blob:"))
        if not allowed and not (own and request.url.startswith(own)):
            asked.append(request.url)

    try:
        page = context.new_page()
        page.on("request", note)
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(url)
        yield page
        assert asked == [], "the page asks the network"
        assert failed == [], "its script fails"
    finally:
        context.close()


def faults(page: Page) -> list[str]:
    """What a person would see as broken: text cut off or overlapping, a page that scrolls sideways.

    Text that lies in a box of its own that scrolls is not cut off.
    """
    found: list[str] = page.evaluate(_FAULTS)
    return found
