"""A small memory system that claims to come as a package: it can run in a worker of this Python.

It does a little of everything that real ones do: asks a model for facts, writes, rewrites and
deletes items, draws ids, searches by vectors. And it can fail in every way at every call, as told:
`fault="add:kill"`. For tests of what runs systems in processes of their own.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lmcommon.data.types import Session
from lmcommon.embed.base import Embedder
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message
from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope, next_id, now, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.answering import Answerer, Asked, default_prompt
from memtrace.memory.base import MemorySystem
from memtrace.memory.config import MemoryFactory
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.packaged import PackagedConfig
from memtrace.memory.types import Answer, Hit, Query

__all__ = ["FACTS", "FAULTS", "Toy", "ToyConfig"]

FACTS = Prompt("facts", "FACTS of the message, one a line:\n{message}", frozenset({"message"}))
"""Its prompt for facts."""

FAULTS = ("exit", "kill", "hang", "garbage", "user", "foreign", "timeout", "noise")
"""How it can fail: end, be killed, hang, write into the pipe, raise a `UserError`, an error of a
library, a `TimeoutError`; print much."""


class LibraryError(Exception):
    """Stands for an error that only the library knows."""


@dataclass(kw_only=True)
class ToyConfig(PackagedConfig):
    """The toy."""

    environment: ClassVar[str] = "here"

    extracts: bool = False
    """Whether the model is asked for facts; otherwise every message is one."""
    fault: str = ""
    """A call and how it fails, such as `add:exit`; empty: nothing fails."""

    def is_here(self) -> bool:
        """Always."""
        return True

    def build_here(self, model: ChatModel, embedder: Embedder) -> MemoryFactory:
        """A factory of `Toy`."""

        def make(scope: str) -> MemorySystem:
            _fail(self.fault, "build")
            return Toy(self, model, embedder, scope)

        return make


@dataclass(frozen=True, slots=True)
class _Item:
    text: str
    turn: str
    handle: Handle[str]


class Toy:
    """Facts by their first word: a new one replaces the old, `forget <word>` deletes it.

    Args:
        config: Its settings.
        model: Extracts and answers.
        embedder: Makes the vectors.
        scope: Name of this memory.
    """

    name, version = "toy", "1"

    def __init__(self, config: ToyConfig, model: ChatModel, embedder: Embedder, scope: str) -> None:
        self.scope = Scope(scope)
        self._config, self._model, self._embedder = config, model, embedder
        self._facts = config.prompt(FACTS)
        self._answerer = Answerer(model, config.prompt(default_prompt()), config.sampling)
        self._items: dict[str, _Item] = {}
        self.prompts: Mapping[str, Prompt] = {"facts": self._facts, "qa": self._answerer.prompt}
        self.versions = {"toy": self.version, "python": sys.version.split()[0]}
        self.parameters: Mapping[str, Any] = {
            "top_k": config.top_k, "extracts": config.extracts,
            "embedder": dict(embedder.identity), "answer": dict(self._answerer.parameters),
        }  # fmt: skip

    def add(self, session: Session) -> None:
        """Extract the facts of each message and write them."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded:
            for line, message in recorded:
                with within(line.turn):
                    facts, handles = self._extract(line.text, message)
                    _fail(self._config.fault, "add")
                    self._write(line.turn, facts, handles)

    def search(self, query: Query) -> list[Hit]:
        """The nearest items."""
        with (
            asking(self.scope, [query], action="search"),
            within(query.key, time=query.time),
        ):
            _fail(self._config.fault, "search")
            return self._retrieve(record_query(query))[0]

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer from the nearest items."""
        if not queries:
            return []
        with asking(self.scope, queries):
            asked = [self._ask(query) for query in queries]
            _fail(self._config.fault, "answer")
            return self._answerer.answer(asked)

    def snapshot(self) -> object:
        """Items and counts."""
        _fail(self._config.fault, "snapshot")
        return dict(self._items), self.scope.snapshot()

    def restore(self, state: Any) -> None:
        """Take an older state."""
        _fail(self._config.fault, "restore")
        items, counts = state
        self._items = dict(items)
        self.scope.restore(counts)

    def close(self) -> None:
        """Nothing is held."""
        _fail(self._config.fault, "close")

    def _extract(self, text: str, message: Handle[str]) -> tuple[list[str], list[Handle[str]]]:
        found, source = [message.value], message
        if self._config.extracts:
            with Stage(
                "extract", kind="extraction", inputs={"message": message}, prompt=self._facts,
                points=("reply",),
            ) as op:  # fmt: skip
                request = ChatRequest(messages=(Message("user", self._facts.fill(message=text)),))
                response = op.generate(self._model, request)
                source = Handle("") if not response.ok else op.output("lines", response.text)
                found = response.text.splitlines() if response.ok else []
            if not response.ok:
                return [], []
        with Stage("parse", kind="extraction", inputs={"text": source}, points=("facts",)) as op:
            facts = [str(fact) for fact in op.settle("facts", found)]
            return facts, op.outputs("facts", facts, kind="fact")

    def _write(self, turn: str, facts: Sequence[str], handles: Sequence[Handle[str]]) -> None:
        planned = [self._planned(fact) for fact in facts]
        with Stage(
            "write", kind="update", inputs={"facts": list(handles)}, points=("writes",),
            parameters={"time": str(now())},
        ) as op:  # fmt: skip
            for write in op.settle("writes", planned):
                item = write.get("item") or self._new()
                if write["event"] == "DELETE":
                    if item not in self._items:
                        raise UserError(
                            f"writes at {op.place}: expected an item of the memory; got {item!r}"
                        )
                    del self._items[item]
                    op.deleted(item)
                else:
                    made = op.output("items", write["text"], kind="memory_item", item=item)
                    self._items[item] = _Item(write["text"], turn, made)

    def _planned(self, fact: str) -> dict[str, Any]:
        word = _subject(fact)
        if match := re.match(r"forget (\w+)", fact, re.IGNORECASE):
            word = match[1].lower()
        for name, item in self._items.items():
            if self._config.extracts and _subject(item.text) == word:
                return {"event": "DELETE" if match else "UPDATE", "item": name, "text": fact}
        return {"event": "ADD", "item": self._new(), "text": fact}

    def _new(self) -> str:
        return f"{self.scope.name}/{next_id('item') or len(self._items)}"

    def _ask(self, query: Query) -> Asked:
        with within(query.key, time=query.time):
            question = record_query(query)
            hits, handles = self._retrieve(question)
            with Stage(
                "build_context", kind="context", inputs={"hits": handles}, points=("context",)
            ) as op:
                text = op.settle("context", "\n".join(hit.text for hit in hits))
                context: Handle[str] = op.output("context", text, kind="context")
        return Asked(question, context, query.key, tuple(hits))

    def _retrieve(self, question: Handle[str]) -> tuple[list[Hit], list[Handle[str]]]:
        inputs = {"question": question, "store": [item.handle for item in self._items.values()]}
        with Stage("retrieve", kind="retrieval", inputs=inputs, points=("hits",)) as op:
            names = self._nearest(question.value)
            rows: list[dict[str, Any]] = [
                {"item": n, "text": self._items[n].text, "score": s} for n, s in names
            ]
            settled = op.settle("hits", rows)
            notes = [{"rank": rank, "score": row["score"]} for rank, row in enumerate(settled, 1)]
            found = [self._items[row["item"]] for row in settled]
            copies = op.outputs("hits", [one.handle for one in found], kind="hit", metadata=notes)
        return [
            Hit(item=row["item"], text=one.text, score=row["score"], turns=(one.turn,),
                variable=copy.id)
            for row, one, copy in zip(settled, found, copies, strict=True)
        ], copies  # fmt: skip

    def _nearest(self, question: str) -> list[tuple[str, float]]:
        names = list(self._items)
        if not names:
            return []
        vectors_ND = self._embedder.embed([question, *(self._items[n].text for n in names)])
        scores = np.round(vectors_ND[1:] @ vectors_ND[0], 5)
        order = np.argsort(-scores, kind="stable")[: self._config.top_k]
        return [(names[place], float(scores[place])) for place in order]


def _subject(fact: str) -> str:
    found = re.search(r"\w+", fact.lower())
    return found[0] if found else ""


def _fail(fault: str, call: str) -> None:
    """Fail, if this is the call that is to fail."""
    at, _, how = fault.partition(":")
    if at != call:
        return
    print(f"about to fail: {how}", file=sys.stderr, flush=True)
    if how == "exit":
        os._exit(3)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hang":
        time.sleep(3600)
    elif how == "garbage":
        os.write(int(sys.argv[2]), b"this is no message, and it is longer than a head of one")
        time.sleep(3600)
    elif how == "noise":
        os.write(1, b"noise \xff on standard output\n" * 20_000)
        print("noise " * 20_000)
    elif how == "user":
        raise UserError("expected something else; got this")
    elif how == "timeout":
        raise TimeoutError("the store did not answer")
    elif how == "foreign":
        raise LibraryError("only the library knows")
    else:
        raise ValueError(f"expected a fault of {FAULTS}; got {how!r}")
