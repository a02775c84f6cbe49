"""QA-Feedback: answers in which people marked the characters that are wrong, and said how.

Wu et al., 2023, arXiv 2306.01693 (Apache-2.0). In: the set's file. Out: `MarkedAnswer`s: a question
with its passages, four answers of a model, and for the first of them what is wrong where, what is
missing, and a corrected text. It is no rubric, but the only open set with people's spans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lmcommon.data.files import OnBad
from lmcommon.data.hub import open_rows
from lmcommon.data.rows import Row
from lmcommon.errors import DataError, UserError

__all__ = ["Mark", "MarkedAnswer", "Missing", "Passage", "Preference", "load_marked",
           "parse_marked", "read_marked"]  # fmt: skip

_ANSWERS = 4


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that the answer must rest on. Example: `Passage("Elbe", ("It is a river.",))`."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A wrong place of the answer. Example: `Mark(kind="Redundant", start=3, end=9)`."""

    kind: str
    """Irrelevant, Redundant, Incoherent, Wrong-Grounding or Unverifiable."""
    start: int
    end: int
    """Characters `[start, end)` of the first answer. Marks may overlap."""
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What the answer should have said. Example: `Missing(kind="Missing-Answer", passage=1)`."""

    kind: str
    """Missing-Answer, Missing-Major-Auxiliary or Missing-Minor-Auxiliary."""
    passage: int
    """Number of the passage that says it, from 1."""
    sentences: tuple[int, ...] = ()
    """Numbers of its sentences, from 1; 0 is the title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Which of two answers people prefer. Example: `Preference(first=0, second=1, better=1)`."""

    first: int
    """Place of an answer, from 0."""
    second: int
    better: int | None
    """Place of the better one; None: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedAnswer:
    """A question with answers; the first is marked.

    Example:
        `load_marked("dev_feedback.json.gz")[0].marks[0].kind` is `"Irrelevant"`.
    """

    id: str
    """A hash of question and first answer: rows have no id."""
    question: str
    passages: tuple[Passage, ...]
    gold: str
    """A long answer written by a person."""
    answers: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    missing: tuple[Missing, ...] = ()
    corrected: str = ""
    """The first answer as a person put it right."""
    preferences: tuple[Preference, ...] = ()

    @property
    def answer(self) -> str:
        """The marked answer."""
        return self.answers[0]

    def spans(self, kind: str) -> tuple[tuple[int, int], ...]:
        """Characters of the answer that are marked with a kind, in order."""
        return tuple(sorted((one.start, one.end) for one in self.marks if one.kind == kind))


def load_marked(spec: str | Path) -> list[MarkedAnswer]:
    """Read the set's file.

    Raises:
        UserError: Nothing is there, not even a row.
        DataError: A row is malformed, or came before; names file, row and field.
    """
    rows = list(read_marked(spec))
    if not rows:
        raise UserError(f"{spec}: expected at least one row, got none; the file is empty")
    return rows


def read_marked(spec: str | Path, *, on_bad: OnBad | None = None) -> Iterator[MarkedAnswer]:
    """Read the set's file row by row.

    Args:
        spec: A file, or `owner/name:file` on the hub.
        on_bad: Is given the error of a row that cannot be read, and reading goes on; None: it is
            raised.
    """
    seen: set[str] = set()
    for row in open_rows(spec, on_bad=on_bad):
        try:
            one = parse_marked(row)
            if one.id in seen:
                raise row.error("expected another question or answer; the row came before")
        except DataError as error:
            if on_bad is None:
                raise
            on_bad(error)
            continue
        seen.add(one.id)
        yield one


def parse_marked(row: Row) -> MarkedAnswer:
    """Read one row.

    Raises:
        DataError: A field is missing or of another type, or a mark lies outside the answer.
    """
    answers = tuple(row.text(f"prediction {number}") for number in range(1, _ANSWERS + 1))
    feedback, question, passages = row.row("feedback"), row.text("question"), _passages(row)
    digest = hashlib.sha256(f"{question}\n{answers[0]}".encode("utf-8", "surrogatepass"))
    return MarkedAnswer(
        id=digest.hexdigest()[:16],
        question=question,
        passages=passages,
        gold=row.text_or("gold"),
        answers=answers,
        marks=tuple(_mark(one, len(answers[0])) for one in feedback.rows("errors")),
        missing=tuple(_missing(one, passages) for one in feedback.rows("missing-info")),
        corrected=feedback.text_or("corrected-prediction"),
        preferences=_preferences(row) if row.has("preference") else (),
    )


def _passages(row: Row) -> tuple[Passage, ...]:
    found = []
    for place, value in enumerate(row.items("passages")):
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise row.error(f"expected a list of texts, got {value!r:.60}", f"passages[{place}]")
        if not value:
            raise row.error("expected a title, got an empty list", f"passages[{place}]")
        found.append(Passage(value[0], tuple(value[1:])))
    return tuple(found)


def _mark(one: Row, length: int) -> Mark:
    start, end = one.integer("start"), one.integer("end")
    if not 0 <= start <= end <= length:
        raise one.error(f"expected a range within the {length} characters of the answer, got "
                        f"{start} to {end}", "start")  # fmt: skip
    return Mark(
        kind=one.text("error type"), start=start, end=end, explanation=one.text_or("explanation")
    )


def _missing(one: Row, passages: tuple[Passage, ...]) -> Missing:
    number, places = one.integer("passage_id"), one.items("sentence_id")
    if not 1 <= number <= len(passages):
        raise one.error(f"expected a number from 1 to {len(passages)}, got {number}", "passage_id")
    last = len(passages[number - 1].sentences)
    if not all(type(place) is int and 0 <= place <= last for place in places):
        raise one.error(f"expected numbers from 0 to {last}, got {places!r:.60}", "sentence_id")
    return Missing(kind=one.text("error type"), passage=number, sentences=tuple(places))


def _preferences(row: Row) -> tuple[Preference, ...]:
    """Six labels, of the pairs in order: 0 neither, 1 the first, 2 the second."""
    pairs, labels = list(combinations(range(_ANSWERS), 2)), row.items("preference")
    if len(labels) != len(pairs) or any(one not in (0, 1, 2) for one in labels):
        raise row.error(f"expected {len(pairs)} labels out of 0, 1 and 2, got {labels!r:.60}",
                        "preference")  # fmt: skip
    return tuple(
        Preference(first=pair[0], second=pair[1], better=pair[label - 1] if label else None)
        for pair, label in zip(pairs, labels, strict=True)
    )
