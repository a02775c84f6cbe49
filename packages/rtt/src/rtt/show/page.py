"""The frame of every page: one HTML file that stands alone, light and dark, without a script.

In: a title and a body that is HTML already. Out: a document that may load nothing at all; its
policy tells the browser so.
"""

from __future__ import annotations

from html import escape

from rtt.show.glyphs import harmless

__all__ = ["page", "safe"]

_STYLE = """
:root { color-scheme: light dark;
  --page: light-dark(#fbfaf7, #15171a); --card: light-dark(#fff, #1d2025);
  --ink: light-dark(#20242a, #e4e6ea); --soft: light-dark(#5d6470, #a3abb6);
  --line: light-dark(#dcd8ce, #363b44); --focus: light-dark(#0b57d0, #8ab4f8);
  --up: light-dark(#4aa3e0, #2b7cb8); --down: light-dark(#f2994a, #b8601c);
  --met: light-dark(#0b5c8a, #7cc4f2); --missed: light-dark(#9a4a00, #ffb27a); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.2rem 4rem; max-width: 100rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
.soft { color: var(--soft); font-size: .88rem; margin: .2rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: start; padding: .25rem .7rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 500; }
a { color: var(--focus); } :focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
summary { cursor: pointer; color: var(--soft); font-size: .88rem; }
.yes { color: var(--met); } .no { color: var(--missed); } .none { color: var(--soft); }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, body: str, *, style: str = "") -> str:
    """A whole document.

    Args:
        title: Plain text; escaped here.
        body: HTML; what comes from data was escaped by `safe`.
        style: CSS beside that of every page.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{safe(title)}</title><style>{_STYLE}{style}</style></head><body>\n"
        f"<h1>{safe(title)}</h1>\n{body}\n</body></html>\n"
    )


def safe(text: object) -> str:
    """Any text as HTML, between tags and inside quoted attributes."""
    return escape(harmless(str(text)), quote=True)
