"""To look at: learning curves, and a response with every token coloured by its credit."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.show.curves import draw_curves
    from rtt.show.html import credit_html
    from rtt.show.terminal import credit_text
    from rtt.show.view import CreditView, view_groups

__all__ = ["CreditView", "credit_html", "credit_text", "draw_curves", "view_groups"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "CreditView": "rtt.show.view",
        "view_groups": "rtt.show.view",
        "credit_html": "rtt.show.html",
        "credit_text": "rtt.show.terminal",
        "draw_curves": "rtt.show.curves",
    },
)
