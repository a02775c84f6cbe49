"""To look at: learning curves, and a response with every token coloured by its credit."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.show.curves import draw_curves, draw_panels
    from rtt.show.html import credit_html
    from rtt.show.metrics import read_runs, series_of
    from rtt.show.picking import pick
    from rtt.show.svg import curves_html
    from rtt.show.terminal import credit_text
    from rtt.show.view import CreditView, CriterionView, view_groups, view_records

__all__ = [
    "CreditView", "CriterionView", "credit_html", "credit_text", "curves_html", "draw_curves",
    "draw_panels", "pick", "read_runs", "series_of", "view_groups", "view_records",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(
            ("CreditView", "CriterionView", "view_groups", "view_records"), "rtt.show.view"
        ),
        **dict.fromkeys(("draw_curves", "draw_panels"), "rtt.show.curves"),
        **dict.fromkeys(("read_runs", "series_of"), "rtt.show.metrics"),
        "credit_html": "rtt.show.html",
        "credit_text": "rtt.show.terminal",
        "curves_html": "rtt.show.svg",
        "pick": "rtt.show.picking",
    },
)
