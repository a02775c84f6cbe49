"""The page of memtrace-view in a real browser: keyboard, links, the dark, small windows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from page_support import Tab, chromium, needs_browser, real_trace, tab

from memtrace.viewing.opening import view

pytestmark = [pytest.mark.e2e, needs_browser]

_FOCUSED = "document.activeElement.dataset.index ?? document.activeElement.dataset.node"
_CONTRAST = """() => {
    const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((part) => {
            const share = Number(part) / 255;
            return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const under = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if (!/, 0\\)$|transparent/.test(color)) return color;
        }
        return "rgb(255, 255, 255)";
    };
    const bad = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
        const isOut = element.closest("svg, [disabled], option, .sr");
        if (!own || isOut || !element.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(under(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(`${element.className || element.tagName}: ${ratio}`);
    }
    return bad;
}"""
"""What stands on its ground with less contrast than WCAG AA asks of text."""
_NAMED = """document.activeElement.textContent.trim().slice(0, 24)
    || document.activeElement.ariaLabel"""
_MOVING = """[...document.querySelectorAll("*")]
    .filter((one) => getComputedStyle(one).animationName !== "none").length"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with view(real_trace(), annotate=["ana"]) as page:
        yield page.url


@pytest.fixture(scope="module")
def shared(opened: Any, url: str) -> Iterator[Tab]:
    with tab(opened, url) as made:
        made.see(".question .blame")
        yield made


@pytest.fixture
def seen(shared: Tab) -> Iterator[Tab]:
    shared.again()
    yield shared
    shared.check()


def test_the_keyboard_is_enough_to_see_a_failure(seen: Tab) -> None:
    seen.press("j", "j", "j")
    assert seen.page.evaluate(_FOCUSED) == "2"
    seen.press("k", "j", "Enter")
    seen.see("svg.lineage")
    assert seen.hash.startswith("#answer=var-")
    seen.press("j", "j", "Enter")
    seen.see("#panel article")
    seen.press("Escape")
    seen.page.wait_for_selector("#panel", state="hidden")
    seen.press("Escape")
    seen.see("a.question")
    assert seen.hash == "#questions"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("t", "#timeline"), ("m", "#memory"), ("w", "#whatif"), ("c", "#compare"),
        ("a", "#annotations"), ("q", "#questions"),
    ],
)  # fmt: skip
def test_a_letter_leads_to_each_view(seen: Tab, key: str, place: str) -> None:
    seen.press("t" if key == "q" else "q", key)
    seen.settle()
    assert seen.hash == place


def test_letters_in_a_field_are_text(seen: Tab) -> None:
    seen.press("/")
    seen.page.keyboard.type("mtw?")
    assert seen.page.get_by_label("Filter questions").input_value() == "mtw?"
    seen.press("Escape", "?")
    assert "Keyboard" in seen.see("dialog[open]").inner_text()
    seen.press("m")
    assert seen.page.locator("dialog[open]").count() == 1, "a dialog keeps keys to itself"
    seen.press("Escape")
    assert seen.page.locator("dialog").count() == 0


def test_tab_reaches_everything_in_order(seen: Tab) -> None:
    stops = []
    for _ in range(22):
        seen.press("Tab")
        stops.append(seen.page.evaluate(_NAMED))
    assert stops[0] == "Skip to the content"
    assert stops[1] == "memtrace"
    assert {"Questions", "Copy link", "Filter questions"} <= set(stops)
    assert stops[-1].startswith("✓ right")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert seen.page.evaluate(outline) == "solid", "the focus is seen"


def test_every_place_is_a_link_and_the_way_back_works(seen: Tab, opened: Any, url: str) -> None:
    seen.see("a.question.wrong").click()
    seen.see("a.box.loses").click()
    seen.see("#panel article")
    place = seen.hash
    with tab(opened, f"{url}{place}") as other:
        other.see("#panel article")
        assert other.text("h1") == seen.text("h1")
        assert "loses" in str(other.see("a.box[aria-current=true]").get_attribute("class"))
        other.check()
    seen.page.go_back()
    seen.page.wait_for_selector("#panel", state="hidden")
    seen.page.go_back()
    seen.see("a.question")
    seen.page.go_forward()
    seen.see("svg.lineage")


def test_the_link_that_is_copied_has_no_key(seen: Tab) -> None:
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.go("#memory&seq=61")
    seen.page.get_by_role("button", name="Copy link").click()
    seen.see("text=Link copied")
    copied = str(seen.page.evaluate("navigator.clipboard.readText()"))
    assert copied.endswith("/#memory&seq=61")
    assert "token" not in copied


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(opened: Any, url: str, scheme: str) -> None:
    with tab(opened, url, color_scheme=scheme) as seen:
        seen.see(".question .blame")
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(21, 23, 26)") == (scheme == "dark")
        assert seen.page.evaluate(_CONTRAST) == []
        seen.see("a.question.wrong").click()
        seen.see("a.box.loses").click()
        seen.see("#panel article")
        assert seen.page.evaluate(_CONTRAST) == []
        seen.go("#memory&seq=61&item=long_context/c1/window")
        seen.see("#panel del")
        assert seen.page.evaluate(_CONTRAST) == []
        seen.check()


def test_a_person_may_choose_the_colours(opened: Any, url: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with tab(opened, url) as seen:
        assert seen.page.evaluate(ground) == "rgb(251, 250, 247)"
        seen.page.locator("#theme").click()
        assert seen.page.evaluate(ground) == "rgb(21, 23, 26)"
        assert "token" not in seen.page.url, "the key does not stay in the address"
        seen.page.reload()
        seen.settle()
        assert seen.page.evaluate(ground) == "rgb(21, 23, 26)", "the choice is kept"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 760, 420])
def test_nothing_is_wider_than_the_window(opened: Any, url: str, width: int) -> None:
    with tab(opened, url, viewport={"width": width, "height": 800}) as seen:
        places = ["#questions", "#timeline", "#memory", "#search=door", "#whatif", "#annotations"]
        answer = str(seen.see("a.question.wrong").get_attribute("href"))
        for place in [*places, answer]:
            seen.go(place)
            wide = seen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{place} is {wide} wide"
        seen.check()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("#answer=var-999999", "expected the variable of an answer"),
        ("#timeline&op=op-999999", "op-999999"),
        ("#timeline&var=zap", "zap"),
        ("#memory&item=nothing", "expected a memory item"),
    ],
)
def test_a_wrong_address_is_told(opened: Any, url: str, place: str, told: str) -> None:
    with tab(opened, url) as seen:
        seen.go(place)
        assert told in seen.see(".failed").inner_text()
        assert seen.see(".failed button").inner_text() == "Try again"
        assert [one for one in seen.complaints if "404" not in one and "400" not in one] == []


def test_a_server_that_is_gone_is_told_and_may_come_back(opened: Any, url: str) -> None:
    with tab(opened, url) as seen:
        seen.see("a.question")
        seen.page.route("**/api/**", lambda route: route.abort("connectionrefused"))
        seen.go("#timeline")
        assert "Is memtrace-view still running?" in seen.see(".failed").inner_text()
        seen.page.unroute("**/api/**")
        seen.see(".failed button").click()
        seen.see("a.row.operation")


def test_motion_is_left_out_for_those_who_ask(opened: Any, url: str) -> None:
    with tab(opened, url, reduced_motion="reduce") as seen:
        seen.see("a.question")
        assert seen.page.evaluate(_MOVING) == 0
