from pathlib import Path

import pytest

from lmcommon.extras import is_available
from rtt.show import CreditView, credit_html, credit_text, draw_curves
from rtt.show.view import CriterionView

NASTY = "<script>alert('x')</script>"


def view(token: str = "amber") -> CreditView:
    return CreditView(
        prompt=f"start {token} :",
        label="RTT-AON",
        tokens=(token, " dune"),
        advantage=(1.25, -0.5),
        criteria=(
            CriterionView(text=f'Begin with "{token}".', satisfied=True, relevance=(1.0, 0.0)),
            CriterionView(text="No dune.", satisfied=None, relevance=(0.0, 1.0)),
        ),
    )


def test_html_escapes_everything_that_comes_from_data() -> None:
    page = credit_html([view(NASTY)], title=NASTY)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_html_loads_nothing() -> None:
    page = credit_html([view()])
    assert "http" not in page
    assert "src=" not in page


def test_html_says_which_criterion_a_token_decides() -> None:
    page = credit_html([view()])
    assert "relevance 1.00, satisfied" in page
    assert "unscored" in page


def test_terminal_text_carries_signs_besides_colours() -> None:
    text = credit_text(view()).plain
    assert "+1.25" in text
    assert "-0.50" in text
    assert "[+] Begin with" in text
    assert "[?] No dune." in text


@pytest.mark.skipif(not is_available("matplotlib"), reason="needs rtt-llm[plot]")
def test_curves_are_a_small_png(tmp_path: Path) -> None:
    series = {"AON": [[(0, 0.0), (20, 0.1)], [(0, 0.0), (20, 0.3)]], "CSR": [[(0, 0.0)]]}
    path = draw_curves(series, tmp_path / "curve.png", ylabel="rate")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 150_000
