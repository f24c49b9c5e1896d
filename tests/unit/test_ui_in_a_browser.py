"""The pages of `stratos ui` as people use them, and as pages of others would misuse them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from stratos.contracts.bucket import RunKeys
from stratos.hosting.chat_request import Said
from stratos.pipeline.summary import RunSummary
from stratos.ui.application import make_application
from stratos.ui.door import Door
from stratos.ui.redirect_file import redirect_file
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack
from tests import ui_runs
from tests.browser import LOOKS, Look, chromium, faults
from tests.ui_runs import FAILED, FINISHED, HOSTILE, LONG, NOW, OTHER, RUNNING, WAITING
from tests.ui_server import served
from tests.unit.stratos.cli.conftest import stack_in_moto
from tests.unit.stratos.cli.stack_contents import put, put_run

PAGES = (
    "/",
    f"/runs/{FINISHED}",
    f"/runs/{RUNNING}",
    f"/runs/{FAILED}",
    f"/runs/{WAITING}",
    f"/runs/{FINISHED}/samples?kind=rejected",
    f"/runs/{FINISHED}/ask?example=0",
    f"/runs/{FINISHED}/logs?state=distill",
    f"/compare?run={FINISHED}&run={OTHER}",
    "/compare",
    "/runs/nope",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def stack():
    with pytest.MonkeyPatch.context() as patches, stack_in_moto(patches) as found:
        ui_runs.fill(found)
        yield found


@pytest.fixture(scope="module")
def door(stack) -> Iterator[Door]:
    settings = UiSettings(allow_writes=True)

    def make(door: Door):
        return make_application(SharedStack(lambda: stack), door, settings, lambda: NOW)

    with served(make) as found:
        yield found


@pytest.fixture(scope="module")
def entered(browser: Browser, door: Door) -> dict[str, object]:
    """What a browser keeps that has opened the address that was printed."""
    with ExitStack() as closing:
        context = browser.new_context()
        closing.callback(context.close)
        context.new_page().goto(door.url)
        return dict(context.storage_state())


@pytest.fixture
def look_at(browser: Browser, door: Door, entered):
    """Open contexts that have come in; at the end none may have logged an error or asked others."""
    with ExitStack() as closing:
        told: list[str] = []

        def note(context: BrowserContext) -> None:
            context.on(
                "console", lambda line: told.append(line.text) if line.type == "error" else 0
            )
            context.on("weberror", lambda error: told.append(str(error.error)))
            context.on("request", lambda one: told.append(one.url) if not own(one.url) else None)

        def own(url: str) -> bool:
            return url.startswith(f"{door.origin}/")

        def make(look: Look) -> Page:
            context = browser.new_context(
                viewport={"width": look.width, "height": 900},
                color_scheme=look.scheme,
                storage_state=entered,
            )
            closing.callback(context.close)
            note(context)
            return context.new_page()

        yield make
        assert [line for line in told if "404" not in line] == []


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_nothing_of_any_page_is_cut_off_or_overlaps(look_at, door: Door, look: Look) -> None:
    page = look_at(look)
    for path in PAGES:
        answer = page.goto(door.origin + path)
        assert answer.status == (404 if path.endswith("nope") else 200), path
        assert faults(page) == [], path
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert faults(page) == [], path
        assert page.title() != "broken", path


def test_everything_one_can_use_is_reached_by_keyboard_and_is_seen_when_it_is(
    look_at, door: Door
) -> None:
    page = look_at(Look(800, "light"))
    for path in (*PAGES[:5], PAGES[6], "/compare"):
        page.goto(door.origin + path)
        wanted = page.evaluate(
            """() => [...document.querySelectorAll(
                 'a[href], button, input:not(:disabled), select, textarea, summary')]
               .filter(one => one.checkVisibility() && one.getAttribute('tabindex') !== '-1')
               .map((one, number) => (one.dataset.number = String(number)))"""
        )
        seen, unmarked = [], []
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip", path
        for _ in range(len(wanted) + 3):
            number, marked = page.evaluate(
                """() => { const one = document.activeElement, style = getComputedStyle(one);
                     return [one.dataset.number, style.outlineStyle !== 'none'
                             || one.closest('svg') !== null]; }"""
            )
            if number is not None:
                seen.append(number)
                unmarked += [] if marked else [number]
            page.keyboard.press("Tab")
        assert set(wanted) <= set(seen), path
        assert unmarked == [], path


def test_points_of_the_front_are_walked_with_arrow_keys_and_lead_to_their_plans(
    look_at, door: Door
) -> None:
    page = look_at(Look(1400, "light"))
    page.goto(f"{door.origin}/runs/{FINISHED}")
    points = page.locator(".chart-box svg.wide a")
    assert points.count() == 3
    page.locator(".chart-box svg.wide a[tabindex='0']").focus()
    walked = set()
    for _ in range(3):
        walked.add(page.evaluate("document.activeElement.getAttribute('href')"))
        page.keyboard.press("ArrowRight")
    assert walked == {"#plan-a", "#plan-b", "#plan-c"}
    page.keyboard.press("Enter")
    target = page.evaluate("document.querySelector('tr:target').id")
    assert page.url.endswith(f"#{target}")


def test_a_run_under_way_goes_on_before_ones_eyes(look_at, door: Door, stack) -> None:
    run_id = "watched-00000001"
    arn = f"arn:aws:states:us-east-1:123456789012:execution:s:{run_id}"
    way = ui_runs.WAY
    stack.states.executions[arn] = ("RUNNING", ui_runs.history(way[:5]))
    started = {"started_at": str(ui_runs.BEGAN), "execution_arn": arn, "spec_name": "watched"}
    put_run(stack, run_id, status="running", **started)
    page = look_at(Look(800, "light"))
    page.goto(f"{door.origin}/runs/{run_id}")
    assert page.locator(".node.current").text_content().split()[1] == "ProbeModels"
    page.locator("#states-list summary").click()
    stack.states.executions[arn] = ("RUNNING", ui_runs.history(way[:8]))
    page.locator(".node.current", has_text="Distill").wait_for()
    assert page.locator("#states-list").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    # It ends: the page shows the outcome by itself.
    stack.states.executions[arn] = ("FAILED", ui_runs.history(way[:8], "ExecutionFailed"))
    summary = RunSummary(
        run_id=run_id, spec_name="watched", status="failed", reason="DivergedTraining: nan",
        started_at=ui_runs.BEGAN, ended_at=NOW,
    )  # fmt: skip
    put(stack, RunKeys(run_id).summary, summary.model_dump_json().encode())
    put_run(stack, run_id, status="failed", ended_at=str(NOW), **started)
    page.get_by_text("DivergedTraining: nan").first.wait_for()
    assert page.locator(".node.failed").count() == 1


def test_a_question_is_asked_and_a_model_is_approved(
    look_at, door: Door, stack, monkeypatch
) -> None:
    monkeypatch.setattr("stratos.ui.asking.invoke", lambda *asked: Said(f"{HOSTILE} {LONG}"))
    page = look_at(Look(360, "light"))
    page.goto(f"{door.origin}/runs/{FINISHED}/ask?example=1")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_load_state()  # with its style
    assert HOSTILE in page.locator(".said pre").text_content()
    assert faults(page) == []
    assert page.locator("img").count() == 0
    page.goto(f"{door.origin}/runs/{WAITING}")
    page.get_by_label("Reason, if there is one").fill("it is good")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/runs/{WAITING}")
    assert json.loads(stack.states.decided.pop()["output"])["reason"] == "it is good"


def test_a_page_of_another_origin_can_neither_read_nor_post(
    browser: Browser, door: Door, entered, stack, tmp_path
) -> None:
    """The other page is on the same machine, and is sent no cookie of ours."""
    cookies: list[bytes] = []

    async def elsewhere(scope, receive, send):
        if scope["type"] != "http":
            return
        cookies.extend(value for name, value in scope["headers"] if name == b"cookie")
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<!doctype html><p>elsewhere"})

    target = f"{door.origin}/runs/{WAITING}/approve"
    with served(lambda _: elsewhere) as other, ExitStack() as closing:
        foreign = f"http://127.0.0.1:{other.authority.rpartition(':')[2]}"
        context = browser.new_context(storage_state=entered)
        closing.callback(context.close)
        page = context.new_page()
        page.goto(foreign)
        for mode in ("cors", "no-cors"):
            for method in ("GET", "POST"):
                read = page.evaluate(
                    """async ([url, mode, method]) => {
                         try {
                           const sent = { mode, method, credentials: "include" };
                           return await (await fetch(url, sent)).text();
                         } catch (error) { return ""; } }""",
                    [f"{door.origin}/" if method == "GET" else target, mode, method],
                )
                assert read == "", (mode, method)
        page.evaluate(
            """url => { const form = document.createElement("form");
                 form.method = "post"; form.action = url; document.body.append(form);
                 form.submit(); }""",
            target,
        )
        page.get_by_text("may not ask this server").wait_for()
        page.goto(foreign)
        page.evaluate(
            """url => { const frame = document.createElement("iframe");
                 frame.src = url; document.body.append(frame); }""",
            f"{door.origin}/",
        )
        page.wait_for_function("document.querySelector('iframe').contentDocument === null")
        assert "Stack Stratos" not in page.frames[1].content()
    assert cookies == []
    assert stack.states.decided == []


def test_the_file_that_opens_a_browser_leads_in(browser: Browser, stack) -> None:
    def make(door: Door):
        return make_application(SharedStack(lambda: stack), door, UiSettings(), lambda: NOW)

    with served(make) as door, redirect_file(door.url) as uri, ExitStack() as closing:
        context = browser.new_context()
        closing.callback(context.close)
        page = context.new_page()
        page.goto(uri)
        page.wait_for_url(f"{door.origin}/")
        page.get_by_text("Stack Stratos").first.wait_for()
