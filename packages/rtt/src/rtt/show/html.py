"""One self-contained HTML page: responses with every token coloured by its credit.

Everything that comes from data is escaped; the page loads nothing and runs no script.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rtt.show.view import CreditView

__all__ = ["credit_html"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1b1b1b; background: #fff; }
article { border: 1px solid #ccc; border-radius: 8px; padding: .75rem 1rem; margin: 1rem 0; }
.prompt { color: #555; }
.tokens { font-family: ui-monospace, monospace; line-height: 2.4; white-space: pre-wrap; }
.tokens span { border-radius: 4px; padding: .15rem .1rem; }
.tokens sub { font-size: .65rem; color: #333; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { border-bottom: 1px solid #eee; padding: .15rem .6rem; text-align: left; }
.yes { color: #06603a; } .no { color: #9b1c1c; } .unknown { color: #666; }
"""
_VERDICTS = {
    True: ("yes", "satisfied"),
    False: ("no", "violated"),
    None: ("unknown", "unscored"),
}


def credit_html(views: Sequence[CreditView], *, title: str = "Credit by token") -> str:
    """The page as text: one article a response; hover a token to see which criterion it decides."""
    body = "\n".join(_article(view) for view in views)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{escape(title)}</h1>\n<p>Green tokens are pushed up, red ones down; the small "
        "number is the advantage of the token. Hover a token for the criteria it decides.</p>\n"
        f"{body}\n</body></html>\n"
    )


def _article(view: CreditView) -> str:
    top = max((abs(value) for value in view.advantage), default=0.0) or 1.0
    tokens = "".join(
        f'<span style="background:{_colour(value / top)}" title="{_tooltip(view, place)}">'
        f"{escape(token)}<sub>{value:+.2f}</sub></span>"
        for place, (token, value) in enumerate(zip(view.tokens, view.advantage, strict=True))
    )
    rows = "".join(
        f'<tr><td>{escape(criterion.text)}</td><td class="{_VERDICTS[criterion.satisfied][0]}">'
        f"{_VERDICTS[criterion.satisfied][1]}</td></tr>"
        for criterion in view.criteria
    )
    return (
        f'<article><p class="prompt"><b>{escape(view.label)}</b> {escape(view.prompt)}</p>'
        f'<p class="tokens">{tokens}</p>'
        f"<table><tr><th>criterion</th><th>verdict</th></tr>{rows}</table></article>"
    )


def _tooltip(view: CreditView, place: int) -> str:
    parts = [
        f"{criterion.text} relevance {criterion.relevance[place]:.2f}, "
        f"{_VERDICTS[criterion.satisfied][1]}"
        for criterion in view.criteria
        if criterion.relevance[place] > 0
    ]
    return escape("; ".join(parts) or "decides no criterion", quote=True)


def _colour(share: float) -> str:
    """Transparent for nothing, green for up, red for down."""
    hue = "30, 160, 80" if share > 0 else "215, 60, 50"
    return f"rgba({hue}, {abs(share):.2f})"
