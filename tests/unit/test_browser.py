"""What finds faults of a page finds each kind, and none where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import Look, chromium, faults, opened

SOUND = "<p>fine words</p><table><tr><td>a</td><td>b</td></tr></table>"
BROKEN = {
    "the page scrolls sideways": '<div style="width:2000px">x</div>',
    "cut off": '<div style="width:60px;overflow:hidden;white-space:nowrap">words that go on</div>',
    "overlap": '<p style="position:absolute;top:0">one</p><p style="position:absolute;top:2px">or',
    "broken word": '<p style="width:30px;overflow-wrap:anywhere">constraint held</p>',
    "too wide for its box": '<div class="card" style="width:40px"><b>unbreakable-word</b></div>',
}


def page(folder: Path, body: str) -> str:
    written = folder / "page.html"
    written.write_text(
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<style>.card {{overflow:visible; white-space:nowrap}}</style><body>{body}"
    )
    return written.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_a_sound_page_has_no_faults(browser: Browser, tmp_path: Path) -> None:
    hidden = '<details><summary>more</summary><p>not shown</p></details><p class="unseen">x</p>'
    scrolls = '<div style="width:60px;overflow-x:auto;white-space:nowrap">words that go on</div>'
    with opened(browser, page(tmp_path, SOUND + hidden + scrolls), Look(360, "dark")) as shown:
        assert faults(shown) == []


@pytest.mark.parametrize("kind", BROKEN)
def test_each_kind_of_fault_is_found(browser: Browser, tmp_path: Path, kind: str) -> None:
    with opened(browser, page(tmp_path, SOUND + BROKEN[kind]), Look(360, "light")) as shown:
        assert any(fault.startswith(kind) for fault in faults(shown)), faults(shown)


def test_a_page_that_asks_the_network_or_whose_script_fails_is_refused(
    browser: Browser, tmp_path: Path
) -> None:
    asks = page(tmp_path, '<img src="http://127.0.0.1:9/x.png" alt="">')
    with (
        pytest.raises(AssertionError, match="asks the network"),
        opened(browser, asks, Look(360, "light")),
    ):
        pass
    fails = page(tmp_path, "<script>missing.name</script>")
    with (
        pytest.raises(AssertionError, match="its script fails"),
        opened(browser, fails, Look(360, "light")),
    ):
        pass
