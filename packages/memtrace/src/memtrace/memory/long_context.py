"""Long-Context: the whole history as one growing text, trimmed from the front to a budget.

Operations: `append` (messages + window -> window), `trim` (window -> smaller window, with the
dropped turns named), `read_window` (question -> the window), then prompt and answer. With a
`Summariser`, `summarise` (dropped text + summary -> summary) follows a trim, and the summary stands
in front of the window; otherwise no model is called while writing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.data.types import Session
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.answering import Answerer, Asked, default_prompt
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.rendering import Line, page
from memtrace.memory.summarising import Summariser
from memtrace.memory.tokens import approximate_tokens
from memtrace.memory.types import Answer, Hit, Query

__all__ = ["LongContext"]

_HEADING = "[earlier, in short]"
_HEADING_TOKENS = approximate_tokens(_HEADING)


class LongContext:
    """Keeps the newest turns that fit into the window.

    Args:
        model: Answers.
        budget_tokens: Size of the window, in approximate tokens (see `memory.tokens`).
        scope: Name of this memory, to tell the memories of one trace apart; the memory item's id
            starts with it.
        prompt: Question-answering prompt; None: the package's own.
        sampling: How to decode answers.
        summariser: Condenses what is trimmed; its size counts within the budget. None: what is
            trimmed is gone.
    """

    version = "2"

    def __init__(
        self, model: ChatModel, *, budget_tokens: int = 2048, scope: str = "",
        prompt: Prompt | None = None, sampling: Sampling | None = None, name: str = "long_context",
        summariser: Summariser | None = None,
    ) -> None:  # fmt: skip
        reserve = 0 if summariser is None else summariser.max_tokens + _HEADING_TOKENS
        if budget_tokens <= reserve:
            raise ValueError(
                f"budget_tokens: expected more than the summary's {reserve}; got {budget_tokens}"
            )
        self.name = name
        self.budget_tokens = budget_tokens
        self._answerer = Answerer(model, prompt or default_prompt(), sampling or Sampling())
        self.scope = Scope(scope or name)
        self._item = f"{scope}/window" if scope else "window"
        self._summary_item = f"{scope}/summary" if scope else "summary"
        self._summariser, self._reserve = summariser, reserve
        self._lines: tuple[Line, ...] = ()
        self._window: Handle[str] | None = None
        self._summary: Handle[str] | None = None
        self._summarised: tuple[str, ...] = ()

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own."""
        return {self.name: self.version}

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The question-answering prompt, and the summary's where there is one."""
        summary = {} if self._summariser is None else {"summary": self._summariser.prompt}
        return {"qa": self._answerer.prompt, **summary}

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Budget and decoding."""
        found = {"budget_tokens": self.budget_tokens, "answer": dict(self._answerer.parameters)}
        if self._summariser is not None:
            found["summary"] = {
                "model": self._summariser.model.name, "max_tokens": self._summariser.max_tokens,
            }  # fmt: skip
        return found

    def add(self, session: Session) -> None:
        """Append the turns, then trim."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded:
            self._append(recorded)
            self._trim()

    def search(self, query: Query) -> list[Hit]:
        """The window (after the summary, if there is one), whatever the query."""
        with asking(self.scope, [query], action="search"):
            return list(self._ask(query).hits)

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer from the window."""
        if not queries:
            return []
        with asking(self.scope, queries):
            return self._answerer.answer([self._ask(query) for query in queries])

    def snapshot(self) -> object:
        """Lines, window and summary."""
        summary = self._summary, self._summarised
        return self._lines, self._window, summary, self.scope.snapshot()

    def restore(self, state: Any) -> None:
        """Take an older state."""
        self._lines, self._window, (self._summary, self._summarised), counts = state
        self.scope.restore(counts)

    def close(self) -> None:
        """Nothing is held."""

    def _append(self, recorded: Sequence[tuple[Line, Handle[str]]]) -> None:
        inputs: dict[str, Any] = {"messages": [message for _, message in recorded]}
        if self._window is not None:
            inputs["window"] = self._window
        with Stage("append", kind="update", inputs=inputs, points=("lines",)) as op:
            self._write(op, (*self._lines, *(line for line, _ in recorded)))

    def _write(self, op: Stage, lines: Sequence[Line]) -> None:
        """Make the window of these lines, or of what a replay puts in their place."""
        kept = op.settle("lines", [line.to_dict() for line in lines])
        self._lines = tuple(map(Line.from_dict, kept))
        self._window = op.output("window", page(self._lines), kind="memory_item", item=self._item)

    def _trim(self) -> None:
        def takes(first: int) -> int:
            return approximate_tokens(page(self._lines[first:]))

        has_summary = self._summary is not None
        if takes(0) <= self.budget_tokens - (self._reserve if has_summary else 0):
            return
        room = self.budget_tokens - self._reserve
        dropped = bisect_left(range(len(self._lines)), True, key=lambda n: takes(n) <= room)
        parameters = {"budget_tokens": self.budget_tokens, "dropped_turns": dropped}
        with Stage(
            "trim", kind="trim", inputs={"window": self._window}, parameters=parameters,
            points=("lines",),
        ) as op:  # fmt: skip
            before = self._lines
            self._write(op, self._lines[dropped:])
            kept = {line.turn for line in self._lines}
            gone = [line for line in before if line.turn not in kept]
            op.output("dropped", [line.turn for line in gone], kind="trimmed")
            text = None
            if self._summariser is not None and gone:
                text = op.output("dropped_text", page(gone), kind="text")
        if text is not None:
            self._summarise(text, gone)

    def _summarise(self, text: Handle[str], dropped: Sequence[Line]) -> None:
        assert self._summariser is not None
        before = self._summary
        self._summary = self._summariser.summarise(text, before, self._summary_item)
        if self._summary is not before:
            self._summarised += tuple(line.turn for line in dropped)

    def _ask(self, query: Query) -> Asked:
        with within(query.key, time=query.time):
            question = record_query(query)
            inputs: dict[str, Any] = {"question": question}
            if self._window is not None:
                inputs["window"] = self._window
            if self._summary is not None:
                inputs["summary"] = self._summary
            with Stage("read_window", kind="retrieval", inputs=inputs, points=("context",)) as op:
                window = "" if self._window is None else self._window.value
                if self._summary is not None:
                    window = f"{_HEADING}\n{self._summary.value}\n{window}"
                text = op.settle("context", window)
                same = self._window is not None and text == self._window.value
                context = op.output("context", self._window if same else text, kind="context")
        return Asked(question, context, query.key, self._hits(context))

    def _hits(self, context: Handle[str]) -> tuple[Hit, ...]:
        """What is shown: the window as the context has it, or summary and window by themselves."""
        if self._window is None:
            return ()
        turns = tuple(line.turn for line in self._lines)
        shown = context if self._summary is None else self._window
        window = Hit(item=self._item, text=shown.value, score=1.0, turns=turns, variable=shown.id)
        if self._summary is None:
            return (window,)
        summary = Hit(
            item=self._summary_item, text=self._summary.value, score=1.0, turns=self._summarised,
            variable=self._summary.id,
        )  # fmt: skip
        return summary, window
