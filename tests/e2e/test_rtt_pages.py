"""The pages of rtt in a real browser: they load nothing, complain of nothing, and do what they say.

Skipped where there is no Chromium; the same pages are read by a strict parser in the unit tests.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtt.show import CreditView, CriterionView, credit_html, curves_html

from .chromium_support import Chromium, browser

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium"),
]
NASTY = """<img src=x onerror=alert(1)><script>throw 1</script>"'"""
COLOUR = "getComputedStyle(document.querySelectorAll('#g0s0 .tokens i')[{}]).backgroundImage"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def view(**changes: object) -> CreditView:
    given = {
        "prompt": NASTY, "label": NASTY, "tokens": ("amber", "\n", NASTY), "prompt_id": NASTY,
        "advantage": (2.0, 0.0, -1.0),
        "criteria": (
            CriterionView(text=NASTY, satisfied=True, relevance=(1.0, 0.0, 0.0), part=(1.0, 0, 0)),
            CriterionView(text="b", satisfied=False, relevance=(0.0, 0.0, 1.0), part=(0, 0, -1.0)),
            CriterionView(text="c", satisfied=None, relevance=(0.0,) * 3, reason=NASTY),
        ),
    }  # fmt: skip
    return CreditView(**{**given, **changes})  # type: ignore[arg-type]


def opened(chromium: Chromium, folder: Path, html: str) -> Chromium:
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    chromium.open(page)
    return chromium


def test_the_browser_would_tell(chromium: Chromium, tmp_path: Path) -> None:
    page = opened(chromium, tmp_path, "<img src=a.png><script>throw 1</script>")
    assert len(page.requests) == 2
    assert page.complaints


def test_a_page_of_hostile_texts_asks_for_nothing_and_runs_nothing(
    chromium: Chromium, tmp_path: Path
) -> None:
    html = credit_html([view(), view(sample=1)], title=NASTY, facts=[("x", NASTY)])
    page = opened(chromium, tmp_path, html)
    assert page.requests == [(tmp_path / "page.html").as_uri()]
    assert page.complaints == []
    assert page.run("document.scripts.length + document.images.length") == 0
    assert page.run("document.querySelector('h1').textContent") == NASTY


def test_tokens_have_colours_by_sign_and_a_tooltip(chromium: Chromium, tmp_path: Path) -> None:
    page = opened(chromium, tmp_path, credit_html([view()]))
    up, none, down = (page.run(COLOUR.format(place)) for place in range(3))
    assert len({up, none, down}) == 3, (up, none, down)
    tip = page.run("document.querySelectorAll('#g0s0 .tokens i')[0].title")
    assert "1 satisfied, relevance 1.00, part +1.00" in tip


def test_a_criterion_chosen_by_keyboard_changes_the_colours(
    chromium: Chromium, tmp_path: Path
) -> None:
    page = opened(chromium, tmp_path, credit_html([view()]))
    before = [page.run(COLOUR.format(place)) for place in (0, 2)]
    page.run("document.getElementById('g0s0all').focus()")
    page.press("ArrowRight", 39)
    assert page.run("document.activeElement.id") == "g0s00"
    assert page.run("document.activeElement.checked")
    chosen = [page.run(COLOUR.format(place)) for place in (0, 2)]
    assert chosen[0] == before[0], "fully relevant, fully coloured"
    assert chosen[1] != before[1], "decides nothing of this criterion"


def test_the_numbers_can_be_switched_on(chromium: Chromium, tmp_path: Path) -> None:
    page = opened(chromium, tmp_path, credit_html([view()]))
    after = "getComputedStyle(document.querySelector('#g0s0 .tokens i'), '::after').content"
    assert page.run(after) == "none"
    page.run("document.getElementById('numbers').focus()")
    page.press(" ", 32)
    assert page.run(after) == '"+2.00"'


def test_dark_and_light_differ(chromium: Chromium, tmp_path: Path) -> None:
    page = opened(chromium, tmp_path, credit_html([view()]))
    seen = set()
    for scheme in ("light", "dark"):
        page.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        seen.add(page.run("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2, seen


def test_side_by_side_long_responses_fit_the_window(chromium: Chromium, tmp_path: Path) -> None:
    draw = random.Random(1)
    size = 4096
    words = tuple(draw.choice((" the", "ing", "\n", " straße", "😀", "שלום ")) for _ in range(size))
    criteria = tuple(
        CriterionView(
            text=f"c{k}", satisfied=k % 2 == 0, part=(0.1,) * size,
            relevance=tuple(draw.random() for _ in range(size)),
        )
        for k in range(5)
    )  # fmt: skip
    views = [
        view(tokens=words, sample=n, criteria=criteria, advantage=(0.5,) * size) for n in range(4)
    ]
    page = opened(chromium, tmp_path, credit_html(views))
    assert page.complaints == []
    assert page.run("document.querySelectorAll('.tokens i').length") == 4 * size
    wide = page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, "nothing but the row of samples scrolls sideways"
    boxes = page.run(
        "[...document.querySelectorAll('article')].map(a => a.getBoundingClientRect().top)"
    )
    assert len(set(boxes)) == 1, boxes


def test_curves_are_drawn_and_load_nothing(chromium: Chromium, tmp_path: Path) -> None:
    series = {NASTY: [[(0, 0.0), (9, 1.0)], [(0, 0.5), (9, 0.5)]], "b": [[(0, 0.1), (9, 0.2)]]}
    page = opened(chromium, tmp_path, curves_html({"reward": series, NASTY: series}, title=NASTY))
    assert page.complaints == []
    assert page.requests == [(tmp_path / "page.html").as_uri()]
    stroke = "getComputedStyle(document.querySelectorAll('figure .mean')[{}]).stroke"
    assert page.run(stroke.format(0)) != page.run(stroke.format(1))
    assert page.run("document.querySelectorAll('figure circle title').length") == 2 * 4
