"""MulDimIF: instructions with one to many constraints in prose, of 12 kinds.

Ye et al., 2025, arXiv 2505.07591 (data CC BY 4.0). The names of the kinds are not clean in the
data (`Length | Sentences: At least`, `Sentences | At least`, `Table | Row limit`, ...): they are
brought to the paper's pairs of category and sub-category, which become the tags of a criterion.

The prose of a constraint is turned into a program check (`lmcommon.verify.muldimif.parsing`). What
the parser does not understand as a whole has no `constraint_id`: it is for a judge, and a warning
in the metadata says so.
"""

from __future__ import annotations

import re

from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.verify.muldimif.parsing import parse_constraint

__all__ = ["KINDS", "kind_of", "parse_muldimif", "parse_triple"]

KINDS: dict[str, tuple[str, str]] = {
    "keywords": ("Content", "Keywords"),
    "identifiers": ("Content", "Identifiers"),
    "punctuation": ("Content", "Punctuation"),
    "markdown": ("Format", "Markdown"),
    "json": ("Format", "Json"),
    "xml": ("Format", "XML"),
    "table": ("Format", "Table"),
    "english": ("Language", "English"),
    "chinese": ("Language", "Chinese"),
    "paragraphs": ("Length", "Paragraphs"),
    "sentences": ("Length", "Sentences"),
    "words": ("Length", "Words"),
}
"""The word that tells a kind, wherever it stands in the pair, and the kind."""


def kind_of(category: str, subcategory: str) -> tuple[str, str] | None:
    """Bring a pair as written to one of the 12 kinds; None: not known.

    Example: `kind_of("Sentences", "At least")` and `kind_of("Length", "Sentences: At least")` are
    both `("Length", "Sentences")`.
    """
    parts = re.split(r"[|:]", f"{category}|{subcategory}")
    for part in parts:
        kind = KINDS.get(part.strip().lower())
        if kind is not None:
            return kind
    return None


def parse_muldimif(row: Row) -> RubricPrompt:
    """Read one instruction.

    `metadata["pattern"]` is Listing, Incorporation or Example; of an Example prompt only the last
    question is to be answered and judged, which a check on the response does anyway. A pair of
    unknown names keeps them as tags; like prose that no program checks it has a warning.
    """
    turns = row.rows("conversations")
    if len(turns) != 1:
        raise row.error(f"expected one message, got {len(turns)}", "conversations")
    warnings: list[str] = []
    return RubricPrompt(
        id=row.scalar_text("id"),
        prompt=turns[0].text("content"),
        rubric=Rubric(
            tuple(
                parse_triple(row, f"constraints[{place}]", value, f"c{place}", warnings)
                for place, value in enumerate(row.items("constraints"))
            )
        ),
        source="muldimif",
        metadata={
            "pattern": row.text_or("constraint_pattern"),
            "difficulty": row.text_or("difficulty"),
            "warnings": warnings,
        },
    )


def parse_triple(
    row: Row, field: str, value: object, id: str, warnings: list[str], *, text: str = ""
) -> Criterion:
    """One `[category, sub-category, prose]` of the data.

    Args:
        row: Where it stands, for errors.
        field: Its field, for errors and warnings.
        value: What stands there.
        id: Of the criterion.
        warnings: Grows by what has no program check.
        text: Of the criterion; empty: the prose.

    Raises:
        DataError: It is no triple of texts.
    """
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise row.error(f"expected [category, sub-category, text], got {value!r}", field)
    if not all(isinstance(part, str) for part in value):
        raise row.error(f"expected three texts, got {value!r}", field)
    category, subcategory, prose = value
    kind = kind_of(category, subcategory)
    if kind is None:
        warnings.append(f"{field}: kind {category!r} | {subcategory!r} is not known: for a judge")
        return Criterion(id=id, text=text or prose, tags=(category, subcategory))
    parsed = parse_constraint(kind[1].lower(), prose)
    if parsed is None:
        warnings.append(f"{field}: no program check for {kind[1]} {prose!r}: for a judge")
        return Criterion(id=id, text=text or prose, tags=kind)
    return Criterion(
        id=id, text=text or prose, constraint_id=parsed.constraint_id, kwargs=parsed.kwargs,
        tags=kind,
    )  # fmt: skip
