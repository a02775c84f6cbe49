"""One trace that the page has open: its list of questions, and the texts of their rows.

In: a trace file. Out: rows of the list. The list is read once, on first use, and again when the
trace has grown; texts are read for the rows that are shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from memtrace.graph.explaining.texts import text_of
from memtrace.graph.reading.database import Database
from memtrace.graph.reading.trace import Trace
from memtrace.viewing.questions import AskedAnswer, asked_behind, read_asked
from memtrace.viewing.texts import clipped
from memtrace.viewing.types import RefusedError

__all__ = ["Opened"]

_LONGEST = 2_000
"""Characters of a question or an answer in a row."""
_COUNTS = "SELECT (SELECT count(*) FROM operations), (SELECT count(*) FROM variables)"
_KINDS = (
    "SELECT kind, name, count(*), count(error_type) FROM operations GROUP BY 1, 2"
    " ORDER BY 3 DESC, 1, 2 LIMIT 200"
)
_EARLY = 1_000
"""Among so many numbers there is an operation."""


class Opened:
    """A trace of the page. Safe to use from threads.

    Args:
        path: The file.
        key: What the page calls it.

    Raises:
        UserError: It is no trace that can be read.
    """

    def __init__(self, path: Path, key: str = "") -> None:
        self.path, self.key = path, key
        self.trace = Trace(path)
        self._database = Database(path)
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._asked: list[AskedAnswer] = []
        self._by_answer: dict[str, AskedAnswer] = {}
        self._read_at = -1
        self._words: dict[str, str] = {}
        self._behind: dict[str, str | None] = {}
        self._kinds: tuple[int, list[dict[str, Any]]] = (-1, [])
        self._counted: tuple[int, tuple[int, int, int]] = (-1, (0, 0, 0))

    def close(self) -> None:
        """Release the file."""
        self.trace.close()
        self._database.close()

    def warm_graph(self) -> None:
        """Read the edges of the graph."""
        first = next(iter(self.trace.operations(until_seq=_EARLY)), None)
        for variable in () if first is None else first.output_ids[:1]:
            self.trace.graph.consumers(variable)

    @cached_property
    def run(self) -> str:
        """The id of the recorded run."""
        return str(self.trace.metadata.get("run", ""))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Operations, variables, and the highest sequence number; counted when they changed."""
        with self._counting:  # not the other lock: counts are there long before the list
            moment = self._moment()
            if moment != self._counted[0]:
                row = self._database.one(_COUNTS)
                assert row is not None
                self._counted = moment, (row[0], row[1], self.trace.last_seq)
            return self._counted[1]

    @property
    def last_seq(self) -> int:
        """The highest sequence number."""
        return self.counts[2]

    @property
    def asked(self) -> list[AskedAnswer]:
        """All answers, in the order of time; read again when the trace has grown."""
        with self._lock:
            moment = self._moment()
            if moment != self._read_at:
                self._asked = read_asked(self.trace)
                self._by_answer = {one.answer: one for one in self._asked}
                self._read_at = moment
            return self._asked

    @property
    def kinds(self) -> list[dict[str, Any]]:
        """How many operations there are of each kind and name, most first."""
        with self._lock:
            moment = self._moment()
            if moment != self._kinds[0]:
                names = ("kind", "name", "operations", "errors")
                rows = self._database.query(_KINDS)
                self._kinds = moment, [dict(zip(names, row, strict=True)) for row in rows]
            return self._kinds[1]

    def find(self, answer: str) -> AskedAnswer:
        """The answer with this id.

        Raises:
            RefusedError: There is no such answer.
        """
        _ = self.asked
        found = self._by_answer.get(answer)
        if found is None:
            raise RefusedError(
                f"answer: expected the variable of an answer; got {answer!r}; see /api/questions",
                404,
            )
        return found

    def texts(self, asked: AskedAnswer) -> tuple[str, str | None, str]:
        """Question, right answer and given answer. No question, no text; no gold, None."""
        question = asked.told_question
        if question is None:
            behind = asked.question or self._question_behind(asked.answer)
            question = "" if behind is None else self._text(behind)
        gold = asked.told_gold
        if gold is None and asked.gold is not None:
            value = self.trace.value(asked.gold)
            gold = None if value is None else text_of(value)
        return question, gold, self._text(asked.answer)

    def holds(self, asked: AskedAnswer, query: str) -> bool:
        """Whether the row of an answer holds a text, whatever the case of its letters."""
        if asked.answer not in self._words:
            said = (*self.texts(asked), asked.question_id, asked.category, asked.scope)
            self._words[asked.answer] = "\n".join(one or "" for one in said).casefold()
        return query.casefold() in self._words[asked.answer]

    def row(
        self, asked: AskedAnswer, about: Callable[[AskedAnswer], dict[str, Any]]
    ) -> dict[str, Any]:
        """The row of an answer.

        Args:
            asked: The answer.
            about: What attribution says of it.
        """
        question, gold, prediction = self.texts(asked)
        return {
            "answer": asked.answer, "operation": asked.operation, "judge": asked.judge,
            "question": clipped(question, _LONGEST), "has_gold": asked.has_gold,
            "gold": None if gold is None else clipped(gold, _LONGEST),
            "prediction": clipped(prediction, _LONGEST), "verdict": asked.verdict,
            "scope": asked.scope, "question_id": asked.question_id, "category": asked.category,
            "evidence": list(asked.evidence), "seq": asked.seq, **about(asked),
        }  # fmt: skip

    def _moment(self) -> int:
        """Changes when somebody writes to the trace."""
        return self._database.number("PRAGMA data_version") or 0

    def _question_behind(self, answer: str) -> str | None:
        if answer not in self._behind:
            self._behind[answer] = asked_behind(self.trace, answer)
        return self._behind[answer]

    def _text(self, variable: str) -> str:
        return text_of(self.trace.value(variable))
