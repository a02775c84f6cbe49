"""Labelled responses: what a discriminator learns from and is measured on, and their files.

One row is a response whose characters are marked for one criterion, and who marked them. Files are
JSON lines; a row of the public code's form (`criteria`, `response`, and `char_labels`, one a
character) is read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.runlog import write_lines
from rtt.discriminator.labels import IGNORED, spans_to_chars
from rtt.types import Span

__all__ = [
    "LabelSource", "LabelledResponse", "Part", "example_from_row", "example_to_json",
    "read_examples", "spans_of_labels", "write_examples",
]  # fmt: skip

LabelSource = Literal["rules", "people", "annotator"]
"""Who says which characters count: a program check, a person, a language model."""

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledResponse:
    """A response whose characters are labelled for one criterion.

    Example:
        `LabelledResponse(criterion='The word "dune" occurs.', response="a dune", spans=((2, 6),),
        kind="keywords:existence", satisfied=True, prompt_id="p1")`
    """

    criterion: str
    response: str
    spans: tuple[Span, ...] | None
    """Relevant characters `[start, end)`; None: all of them; empty: none."""
    unlabelled: tuple[Span, ...] = ()
    """Characters that nobody labelled: they count neither in training nor in a measurement."""
    prompt: str = ""
    """What the response answers; read by a discriminator that is given the question."""
    prompt_id: str = ""
    """Rows of one prompt go to one part of a split."""
    kind: str = ""
    """Id of the constraint, or of the kind of error that people marked."""
    satisfied: bool | None = None
    """Whether the response meets the criterion; None: not known."""
    source: LabelSource = "rules"
    origin: str = ""
    """Who wrote or changed the response: a data set, "generated", "edit", "omission"."""

    def __post_init__(self) -> None:
        for start, end in (*(self.spans or ()), *self.unlabelled):
            if not 0 <= start <= end <= len(self.response):
                raise ValueError(
                    f"labelled response: expected spans 0 <= start <= end <= {len(self.response)} "
                    f"(the characters of the response); got {(start, end)}"
                )
        if self.source not in get_args(LabelSource):
            raise ValueError(
                f"labelled response: expected source as one of {get_args(LabelSource)}; "
                f"got {self.source!r}"
            )

    @property
    def char_labels(self) -> list[int]:
        """1 relevant, 0 not, -1 not labelled; one a character."""
        labels = spans_to_chars(self.spans, len(self.response))
        for start, end in self.unlabelled:
            labels[start:end] = [IGNORED] * (end - start)
        return labels


def spans_of_labels(char_labels: Sequence[int], *, label: int = 1) -> tuple[Span, ...]:
    """Runs of one label. Example: `spans_of_labels([0, 1, 1, 0, 1])` is `((1, 3), (4, 5))`."""
    spans: list[Span] = []
    place = 0
    for value, run in groupby(char_labels):
        length = len(list(run))
        if value == label:
            spans.append((place, place + length))
        place += length
    return tuple(spans)


def write_examples(path: str | Path, rows: Iterable[LabelledResponse]) -> int:
    """Write rows as JSON lines, all or nothing; how many."""
    told = [example_to_json(row) for row in rows]
    write_lines(Path(path), told)
    return len(told)


def read_examples(path: str | Path) -> Iterator[LabelledResponse]:
    """Rows of a file that `write_examples` or the public code wrote (also gzipped).

    Raises:
        DataError: A row is malformed; names file, row and field.
        UserError: There is no such file.
    """
    for row in read_rows(path):
        yield example_from_row(row)


def example_to_json(row: LabelledResponse) -> dict[str, Any]:
    """A row as the JSON object that stands in a file."""
    return {
        "criteria": row.criterion, "response": row.response, "spans": row.spans,
        "unlabelled": row.unlabelled, "question": row.prompt, "prompt_id": row.prompt_id,
        "kind": row.kind, "satisfied": row.satisfied, "source": row.source, "origin": row.origin,
    }  # fmt: skip


def example_from_row(row: Row) -> LabelledResponse:
    """A row of a file.

    Raises:
        DataError: It is malformed.
    """
    response = row.text("response")
    if "spans" in row.value:
        spans = None if row.value["spans"] is None else _spans(row, "spans")
        unlabelled = _spans(row, "unlabelled")
    else:
        labels = row.items("char_labels")
        if len(labels) != len(response) or set(labels) - {0, 1, IGNORED}:
            raise row.error(
                f"expected {len(response)} labels of 0, 1 or -1 (one a character), got "
                f"{len(labels)}", "char_labels",
            )  # fmt: skip
        spans = spans_of_labels(labels)
        unlabelled = spans_of_labels(labels, label=IGNORED)
    try:
        return LabelledResponse(
            criterion=row.text("criteria"), response=response, spans=spans, unlabelled=unlabelled,
            prompt=row.text_or("question"), prompt_id=row.text_or("prompt_id"),
            kind=row.text_or("kind"),
            satisfied=row.boolean("satisfied") if row.has("satisfied") else None,
            source=row.text_or("source", "rules"),  # type: ignore[arg-type]
            origin=row.text_or("origin"),
        )  # fmt: skip
    except ValueError as error:
        raise row.error(str(error)) from error


def _spans(row: Row, field: str) -> tuple[Span, ...]:
    if not row.has(field):
        return ()
    found = []
    for pair in row.items(field):
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(x) is int for x in pair)):
            raise row.error(f"expected pairs [start, end] of characters, got {pair!r}", field)
        found.append((pair[0], pair[1]))
    return tuple(found)
