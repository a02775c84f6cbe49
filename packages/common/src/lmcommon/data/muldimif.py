"""MulDimIF: instructions with one to many constraints in prose, of 12 kinds.

Ye et al., 2025, arXiv 2505.07591 (data CC BY 4.0). The names of the kinds are not clean in the
data (`Length | Sentences: At least`, `Sentences | At least`, `Table | Row limit`, ...): they are
brought to the paper's pairs of category and sub-category, which become the tags of a criterion.
"""

from __future__ import annotations

import re

from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["KINDS", "kind_of", "parse_muldimif"]

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
    question is to be answered and judged. A pair of unknown names keeps them as tags, with a
    warning in the metadata.
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
                _criterion(row, place, value, warnings)
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


def _criterion(row: Row, place: int, value: object, warnings: list[str]) -> Criterion:
    field = f"constraints[{place}]"
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise row.error(f"expected [category, sub-category, text], got {value!r}", field)
    if not all(isinstance(part, str) for part in value):
        raise row.error(f"expected three texts, got {value!r}", field)
    category, subcategory, text = value
    kind = kind_of(category, subcategory)
    if kind is None:
        warnings.append(f"{field}: kind {category!r} | {subcategory!r} is not known")
        kind = (category, subcategory)
    return Criterion(id=f"c{place}", text=text, tags=kind)
