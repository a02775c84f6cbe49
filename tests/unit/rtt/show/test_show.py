"""Pages and terminal text of responses."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtt.show import credit_html, credit_text
from rtt.show.view import CreditView, CriterionView

from .show_support import Page, view

NASTY = """<script>alert('x')</script>"><img src=x onerror=alert(1)> ' & \x00\x1b\u202e\ud800"""


def nasty(text: str = NASTY) -> CreditView:
    """A view in which every text is one that tries to escape."""
    bad = CriterionView(
        text=text, satisfied=False, relevance=(0.5,), part=(-1.0,), source=text, reason=text,
        kind=text,
    )  # fmt: skip
    return CreditView(
        prompt=text, label=text, tokens=(text,), advantage=(-1.0,), criteria=(bad,),
        gaps=(text, text), prompt_id=text, finish=text,
    )  # fmt: skip


def test_everything_that_comes_from_data_is_escaped() -> None:
    page = Page(
        credit_html([nasty(), replace(nasty(), group=1)], title=NASTY, facts=[(NASTY, NASTY)])
    )
    assert page.faults == []
    assert page.text.count("<script>alert('x')</script>") >= 10, "shown as text"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_any_text_gives_a_sound_page(text: str) -> None:
    html = credit_html([nasty(text)], title=text)
    html.encode("utf-8")
    assert Page(html).faults == []


def test_the_page_forbids_itself_to_load_anything() -> None:
    html = credit_html([view()])
    assert "default-src 'none'" in html
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_a_tooltip_tells_the_parts_of_a_token() -> None:
    tips = Page(credit_html([view()])).titles
    assert "+1.250 = +0.375 +0.875\n1 satisfied, relevance 1.00, part +0.50" in tips
    assert "-0.500 = +0.375 -0.875\ndecides no criterion" in tips


def test_unscored_criteria_are_marked_with_their_reason() -> None:
    text = Page(credit_html([view()])).text
    assert "unscored" in text
    assert "judge is down" in text
    assert "100% (1 unscored)" in text


def test_a_response_without_any_verdict_has_no_reward() -> None:
    first, second = view().criteria
    unscored = replace(view(), criteria=(replace(first, satisfied=None, part=()), second))
    html = credit_html([unscored])
    assert '<td class="none">unscored</td><td class="none">unscored</td>' in html


def test_samples_of_a_prompt_stand_side_by_side_on_one_scale() -> None:
    html = credit_html([view(advantage=(1.0, -4.0)), view(sample=1, advantage=(2.0, 0.0))])
    page = Page(html)
    styles = [attrs["style"].split(";")[0] for tag, attrs in page.tags if tag == "i"]
    assert styles == ["--a:0.25", "--a:-1", "--a:0.5", "--a:0"]
    assert html.count("<section ") == 1


def test_each_criterion_can_be_chosen_by_keyboard() -> None:
    page = Page(credit_html([view(), view(sample=1)]))
    radios = [attrs for tag, attrs in page.tags if tag == "input" and attrs["type"] == "radio"]
    labels = {attrs["for"] for tag, attrs in page.tags if tag == "label"}
    assert {one["name"] for one in radios} == {"g0s0", "g0s1"}
    assert len(radios) == 2 * 3, "credit and two criteria"
    assert {one["id"] for one in radios} <= labels
    assert len({attrs["id"] for _, attrs in page.tags if "id" in attrs}) == sum(
        "id" in attrs for _, attrs in page.tags
    ), "ids are unique"


def test_the_relevance_of_a_violated_criterion_is_drawn_as_negative() -> None:
    first, second = view().criteria
    html = credit_html([replace(view(), criteria=(first, replace(first, satisfied=False), second))])
    assert "--k0:1;--k1:-1" in html
    assert "--k2" not in html.split("</style>")[1], "an unscored criterion colours nothing"


def test_a_long_response_stays_small() -> None:
    draw = random.Random(0)
    size, criteria = 4096, 5
    words = tuple(draw.choice((" the", "ing", "\n", " a", "😀", " straße")) for _ in range(size))
    rows = [tuple(draw.random() for _ in range(size)) for _ in range(criteria)]
    long = CreditView(
        prompt="p", label="RTT", tokens=words, advantage=tuple(draw.gauss(0, 1) for _ in words),
        criteria=tuple(
            CriterionView(text=f"c{k}", satisfied=k % 2 == 0, relevance=row, part=row)
            for k, row in enumerate(rows)
        ),
    )  # fmt: skip
    html = credit_html([long])
    assert Page(html).faults == []
    assert len(html.encode()) < 500 * size, f"{len(html.encode()) / size:.0f} bytes a token"


def test_line_breaks_of_a_response_are_kept_and_visible() -> None:
    html = credit_html([view("a", "\n", "b")])
    assert ">↵\n</i>" in html


def test_no_response_is_an_empty_page() -> None:
    assert Page(credit_html([])).faults == []


def test_terminal_text_carries_signs_besides_colours() -> None:
    text = credit_text(view()).plain
    assert "+1.25" in text
    assert "-0.50" in text
    assert "[+] Begin with" in text
    assert "[?] Be kind. (unscored: judge is down)" in text


def test_a_long_response_is_wrapped_with_signs_below() -> None:
    words = tuple(f" w{number % 10}" for number in range(100))
    advantage = tuple((-1.0) ** number for number in range(100))
    lines = credit_text(view(*words, advantage=advantage), width=40).plain.splitlines()
    drawn = [line for line in lines if " w1" in line]
    assert all(len(line) <= 40 for line in drawn), drawn
    assert len(drawn) == 8, "13 tokens of 3 columns a line"
    assert sum(line.count("+9") + line.count("-9") for line in lines) == 100


def test_wide_characters_do_not_shift_the_numbers() -> None:
    lines = credit_text(view("日本語日本語", "x", advantage=(1.0, -1.0))).plain.splitlines()
    assert [line.rstrip() for line in lines[1:3]] == ["日本語日本語x", "+1.00       -1.00"]


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m"])
def test_terminal_text_cannot_steer_the_terminal(text: str) -> None:
    plain = credit_text(nasty(text)).plain
    assert "\x1b" not in plain
    assert "\x9b" not in plain
