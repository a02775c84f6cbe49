"""Prose about format: tables, JSON, XML."""

from __future__ import annotations

import re

from lmcommon.verify.muldimif.found import Found, Requirement
from lmcommon.verify.muldimif.prose import Prose, merged
from lmcommon.verify.muldimif.quantities import Bounds, Quantity, parse_number

__all__ = ["parse_json", "parse_table", "parse_xml"]

_OPEN: Bounds = (None, None)
_NAMED = re.compile(
    r"columns?\b[^:.]{0,24}?(?::|\b(?:labell?ed|titled|named|should be)(?: as)?:?)\s*(?P<names>.+)",
    re.IGNORECASE,
)
_OPTIONAL = re.compile(
    r"\bif\b|\bany (?:\w+ )?(?:tables?|tabular)\b|\bwhen(?:ever)?\b|\bwherever\b"
)


def parse_table(prose: Prose) -> Found | None:
    """How many rows and columns, and what they are called."""
    rows, columns = prose.amounts(r"rows?"), prose.amounts(r"columns?")
    row_bounds, column_bounds = merged(rows), merged(columns)
    if row_bounds is None and column_bounds is None:
        return None
    if (rows and row_bounds is None) or (columns and column_bounds is None):
        return None
    says_table = prose.has(r"\btables?\b|tabular")
    if not says_table and prose.has(r"\blist\b"):
        return None
    if row_bounds and prose.has(r"includ\w+ (?:the )?head"):
        row_bounds = tuple(side - 1 if side else side for side in row_bounds)  # type: ignore[assignment]
    return Found(
        (Requirement("muldimif:table", {
            "rows": row_bounds or _OPEN, "columns": column_bounds or _OPEN,
            "headers": _headers(prose) if columns else [],
            "optional": not says_table or bool(_OPTIONAL.search(prose.low)),
        }),),
        _used([*rows, *columns]),
    )  # fmt: skip


def _used(found: list[Quantity]) -> tuple[int, ...]:
    return tuple(place for quantity in found for place in quantity.places)


def _headers(prose: Prose) -> list[str]:
    """The names of the columns, if the sentence lists them."""
    match = _NAMED.search(prose.text)
    if not match or re.search(r"\bcould\b|\bone (?:for|dedicated|column|is)\b", prose.low):
        return []
    inside = [one.text for one in prose.quoted if one.start >= match.start("names")]
    if not inside:
        clause = re.split(r"[.;]|,? (?:to|in order|which|that|ensur\w+) ", match.group("names"))[0]
        inside = [one.strip() for one in re.split(r",\s*(?:and\s+)?|\s+and\s+", clause)]
    names = [name.strip(" .,'\"") for name in inside]
    return names if all(name and len(name.split()) <= 5 for name in names) else []


def parse_json(prose: Prose) -> Found | None:
    """How deep JSON nests."""
    if re.search(r"\d", "".join(one.text for one in prose.quoted)) and not prose.has("level"):
        return None
    levels = prose.amounts(r"levels?(?: deep| of (?:object )?nesting)?|nesting levels?")
    bounds = merged(levels)
    if bounds is None:
        return None
    optional = prose.has(r"\bif\b|\bany json\b")
    return Found(
        (Requirement("muldimif:json", {"depth": bounds, "optional": optional}),), _used(levels)
    )


def parse_xml(prose: Prose) -> Found | None:
    """How many attributes an XML element has."""
    attributes = prose.amounts(r"attributes?") or _must_be(prose)
    bounds = merged(attributes)
    if bounds is None:
        return None
    optional = prose.has(r"\bif\b|\bany\b") or bounds[0] is None
    return Found(
        (Requirement("muldimif:xml", {"attributes": bounds, "optional": optional}),),
        _used(attributes),
    )


def _must_be(prose: Prose) -> list[Quantity]:
    match = re.search(r"number of attributes (?:must be|to) (?:exactly )?(\w+)", prose.low)
    if match is None:
        return []
    value = parse_number(match.group(1))
    return [Quantity((value, value), (match.start(1),))]
