"""InFoBench: instructions decomposed into yes/no requirements, all for a judge.

Qin et al., 2024, arXiv 2401.03601 (MIT). The published GPT-4 answer and its verdicts, where the
file has them, are in the metadata: a model's opinion, good for testing a judge's plumbing.
"""

from __future__ import annotations

from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["parse_infobench"]


def parse_infobench(row: Row) -> RubricPrompt:
    """Read one instruction. The prompt is the instruction and, below it, the input if any."""
    requirements = row.texts("decomposed_questions")
    labels = _labels(row, len(requirements))
    given = row.text_or("input").strip()
    metadata: dict[str, object] = {
        "subset": row.text_or("subset"),
        "category": row.text_or("category"),
    }
    if row.has("output"):
        metadata["output"] = row.text("output")
    if row.has("eval"):
        metadata["verdicts"] = list(_same_length(row, row.booleans("eval"), len(requirements)))
    return RubricPrompt(
        id=row.text("id"),
        prompt=row.text("instruction") + (f"\n\n{given}" if given else ""),
        rubric=Rubric(
            tuple(
                Criterion(id=f"c{place}", text=text, tags=labels[place])
                for place, text in enumerate(requirements)
            )
        ),
        source="infobench",
        metadata=metadata,
    )


def _same_length(row: Row, values: tuple[bool, ...], number: int) -> tuple[bool, ...]:
    if len(values) != number:
        raise row.error(f"expected one verdict a requirement ({number}), got {len(values)}",
                        "eval")  # fmt: skip
    return values


def _labels(row: Row, number: int) -> list[tuple[str, ...]]:
    """The kinds of each requirement (Content, Format, Number, Style, Linguistic)."""
    if not row.has("question_label"):
        return [()] * number
    labels = []
    for place, value in enumerate(row.items("question_label")):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise row.error(f"expected a list of texts, got {value!r}", f"question_label[{place}]")
        labels.append(tuple(value))
    if len(labels) != number:
        raise row.error(f"expected one list a requirement ({number}), got {len(labels)}",
                        "question_label")  # fmt: skip
    return labels
