"""Traces of any size that look like a memory system at work."""

from __future__ import annotations

import random
from itertools import accumulate, count
from pathlib import Path
from typing import Any

from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.step import Step
from memtrace.graph.recording.tracing import record, step, variable

__all__ = ["big_trace"]

_SESSIONS_A_USER = 40
_ITEMS_SEEN = 3
_ITEMS_IN_CONTEXT = 5


def big_trace(path: str | Path, operations: int, seed: int = 0) -> str:
    """Record a trace of any size that looks like a memory system at work; for tests and benches.

    Users talk in sessions: messages are extracted to facts, each fact is searched for in what the
    user's memory holds, then added, merged into an item, dropped or used to delete one. A
    question retrieves items, makes a context, gets an answer and a verdict. About three inputs,
    two outputs and a kilobyte of fresh text an operation; words follow Zipf's law. The slice of an
    answer stays within one user.

    Args:
        path: The file to write.
        operations: How many operations at least; the session begun is finished.
        seed: Equal seeds give equal traces, times and the run's id aside.

    Returns:
        The id of the last answer.
    """
    pipeline = _Pipeline(random.Random(seed))
    with record(path, metadata={"generator": "big_trace", "seed": seed}):
        while pipeline.operations < operations:
            pipeline.session()
    return pipeline.answer


class _Pipeline:
    """A made-up memory system with one user after the other."""

    def __init__(self, draw: random.Random) -> None:
        self.operations = 0
        self.answer = ""
        self._draw = draw
        syllables = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u", "an", "el")]
        self._words = ["".join(draw.choices(syllables, k=2 + n % 3)) for n in range(20_000)]
        self._weights = list(accumulate(1 / (rank + 5) for rank in range(len(self._words))))
        self._items: dict[str, Handle[Any]] = {}
        self._sessions = count()
        self._facts = count(1)

    def session(self) -> None:
        """Some messages, then a question about what they said."""
        number = next(self._sessions)
        if number % _SESSIONS_A_USER == 0:
            self._items.clear()
        user = f"u{number // _SESSIONS_A_USER}"
        for turn in range(4):
            name = f"{user}:{number}:{turn}"
            message = variable(self._text(60), kind="message", name=name)
            with self._step("extract", kind="extraction", inputs={"message": message},
                            prompt="Write down the facts of the message.") as op:  # fmt: skip
                facts = op.outputs("facts", [self._text(25), self._text(25)], kind="fact")
            for fact in facts:
                self._remember(user, fact)
        self._ask(self._text(12))

    def _step(self, name: str, **settings: Any) -> Step:
        self.operations += 1
        return step(name, **settings)

    def _remember(self, user: str, fact: Handle[Any]) -> None:
        seen = self._some(_ITEMS_SEEN - 1)
        with self._step("search", kind="retrieval", inputs={"query": fact, "index": seen}) as op:
            old = op.outputs("hits", seen)
            op.output("scores", [round(self._draw.random(), 3) for _ in seen], kind="value")
        with self._step("update", kind="update", inputs={"fact": fact, "old": old}) as op:
            op.output("reply", self._text(40), kind="llm_response")
            chance = self._draw.random()
            if old and chance < 0.05 and old[0].item:
                op.deleted(old[0].item)
                self._items.pop(old[0].item, None)
            elif chance < 0.15:
                op.no_op("known already")
            else:
                merged = old[0].item if old and chance < 0.55 else None
                item = merged or f"{user}-item-{next(self._facts)}"
                text = f"{fact.value} {self._text(60)}"
                self._items[item] = op.output("item", text, kind="memory_item", item=item)

    def _ask(self, text: str) -> None:
        question = variable(text, kind="question")
        index = self._some(_ITEMS_IN_CONTEXT)
        with self._step(
            "retrieve", kind="retrieval", inputs={"query": question, "index": index}
        ) as op:
            hits = op.outputs("hits", index)
        with self._step("context", kind="context", inputs={"hits": hits}) as op:
            joined = "\n".join(hit.value for hit in hits)
            context = op.output("context", joined, kind="context")
        with self._step(
            "answer", kind="answer", inputs={"question": question, "context": context},
            prompt="Answer from the context alone.",
        ) as op:  # fmt: skip
            answer = op.output("answer", self._text(20), kind="answer")
        with self._step("judge", kind="judge", inputs={"answer": answer}) as op:
            op.output("verdict", self._draw.random() < 0.6, kind="verdict")
        self.answer = answer.id or ""

    def _some(self, wanted: int) -> list[Handle[Any]]:
        """Live items, newer ones more likely."""
        names = list(self._items)[-40:]
        chosen = sorted(self._draw.sample(names, min(wanted, len(names))))
        return [self._items[name] for name in chosen]

    def _text(self, words: int) -> str:
        return " ".join(self._draw.choices(self._words, cum_weights=self._weights, k=words))
