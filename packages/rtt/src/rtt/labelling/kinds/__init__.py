"""How each kind of program-checked constraint is drawn for a text: one drawer an id."""

from collections.abc import Mapping

from rtt.labelling.kinds import (
    answers,
    counts,
    documents,
    keywords,
    layout,
    lengths,
    letters,
    markup,
    muldimif,
    places,
    repeats,
    tables,
)
from rtt.labelling.scene import Drawer

__all__ = ["DRAWERS"]

DRAWERS: Mapping[str, Drawer] = {
    **keywords.DRAWERS, **lengths.DRAWERS, **layout.DRAWERS, **counts.DRAWERS, **letters.DRAWERS,
    **places.DRAWERS, **markup.DRAWERS, **muldimif.DRAWERS, **repeats.DRAWERS, **answers.DRAWERS,
    **tables.DRAWERS,
    **documents.DRAWERS,
}  # fmt: skip
"""Constraint id to drawer."""
