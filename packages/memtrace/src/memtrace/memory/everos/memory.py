"""EverOS as a memory system: sessions go in message by message, questions are answered.

In: sessions and queries. Out: answers, and everything that happened as operations. EverOS runs in
this process, over a folder of its own (see `engine`); model, embedder and reranker are ours (see
`clients`); what it does is seen and can be changed through hooks (see `extracting`, `storing`,
`recalling`, `reasoning`). A snapshot is a copy of the folder and of the lineage.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lmcommon.data.types import Session, Turn
from lmcommon.embed import Embedder
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatResponse, Sampling
from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope, now, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.answering import Answerer, Asked, default_prompt
from memtrace.memory.everos.clients import (
    CosineReranker,
    EmbedderProvider,
    ModelClient,
    expected_errors,
)
from memtrace.memory.everos.engine import Engine
from memtrace.memory.everos.hooks import Hooks
from memtrace.memory.everos.lineage import Lineage, Told
from memtrace.memory.everos.package import module
from memtrace.memory.everos.prompts import defaults
from memtrace.memory.everos.searching import Found, Searcher
from memtrace.memory.everos.settings import EverosSettings
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.types import Answer, BrokenMemoryError, Hit, Query

__all__ = ["EverosMemory"]

_ASSISTANTS = frozenset({"assistant", "ai", "bot", "system"})
_PACKAGES = ("everos", "everalgo-core", "everalgo-user-memory", "everalgo-rank", "lancedb")
_EVERYBODY = "conversation"


@dataclass(frozen=True, slots=True)
class _State:
    """A snapshot."""

    folder: Path | None
    """None: nothing was there yet."""
    lineage: Lineage
    counts: dict[str, int]
    unusable: dict[Any, int]


class EverosMemory:
    """The real EverOS engine.

    Args:
        model: Extracts, decides and answers.
        embedder: Makes the vectors of its index, and stands in for its reranker.
        settings: How it works.
        scope: Name of this memory, to tell the memories of one trace apart; item ids start with
            it.
        prompts: Other wordings, by name (`qa` included); None: the package's own.
        sampling: How to decode answers.
    """

    version = "1"

    def __init__(
        self, model: ChatModel, embedder: Embedder, *, settings: EverosSettings | None = None,
        scope: str = "", prompts: Mapping[str, Prompt] | None = None,
        sampling: Sampling | None = None, name: str = "everos",
    ) -> None:  # fmt: skip
        self.name = name
        self.settings = settings or EverosSettings()
        self.scope = Scope(scope or name)
        self._prompts = {**defaults(), "qa": default_prompt(), **(prompts or {})}
        self._answerer = Answerer(model, self._prompts["qa"], sampling or Sampling())
        self._embedder = embedder
        provider = EmbedderProvider(embedder)
        self._folder = Path(tempfile.mkdtemp(prefix="everos-"))
        self._hooks = Hooks(self.scope.name, self._prompts, provider, _weakly(self._index))
        self._engine = Engine(
            self._folder / "root", self.settings, hooks=self._hooks, provider=provider,
            client=ModelClient(model, self.settings.max_extraction_tokens),
            reranker=CosineReranker(embedder),
        )  # fmt: skip
        self._searcher = Searcher(self._hooks.watch, self._hooks.recall, self.settings)
        self._snapshots = 0
        self._forget = weakref.finalize(self, _forget, self._engine, self._folder)

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own, and those of EverOS's packages."""
        found = {self.name: self.version}
        for package in _PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """EverOS's own, and the question-answering prompt."""
        return dict(self._prompts)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Settings, embedder, what stands in for what, decoding."""
        return {
            **self.settings.to_dict(), "embedder": dict(self._embedder.identity),
            "reranker": CosineReranker.identity, "tokenizer": "approximate",
            "answer": dict(self._answerer.parameters),
        }  # fmt: skip

    # Writing --------------------------------------------------------------------------------

    def add(self, session: Session) -> None:
        """Tell EverOS the turns, then flush; returns when all it causes is done."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded:
            handles = [handle for _, handle in recorded]
            self._engine.run(lambda: self._add(session, handles))

    async def _add(self, session: Session, handles: Sequence[Handle[str]]) -> None:
        rows = [
            self._buffered(session, turn, handle)
            for turn, handle in zip(session.turns, handles, strict=True)
        ]
        deferred = self.settings.defer_extraction
        if self.settings.add_by == "message":
            for turn, row in zip(session.turns, rows, strict=True):
                with within(turn.id):
                    await self._memorize(session, [row], defer_extraction=deferred)
        else:
            await self._memorize(session, rows, defer_extraction=deferred)
        with within("flush"):
            await self._memorize(session, [], is_final=True)
            await self._index()

    def _buffered(self, session: Session, turn: Turn, message: Handle[str]) -> dict[str, Any]:
        """A message as EverOS's API takes it; recorded as what its buffer holds."""
        lineage = self._hooks.watch.lineage
        number = lineage.said.get(session.id, 0)
        lineage.said[session.id] = number + 1
        moment = session.time or now()
        assert moment is not None, "adding() gives a time"
        stamp = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000) + number * 1000
        is_user = turn.speaker.strip().lower() not in _ASSISTANTS
        sender = _EVERYBODY if self.settings.owner == _EVERYBODY else _identifier(turn.speaker)
        if not is_user:
            sender = _identifier(turn.speaker)
        elif sender not in lineage.owners:
            lineage.owners.append(sender)
        text = " ".join(turn.content.split())
        with within(turn.id), Stage("buffer", kind="store", inputs={"message": message}) as op:
            said = op.output("buffered", f"{turn.speaker}: {text}", kind="buffered")
        place = 0 if self.settings.add_by == "message" else number
        name = module("everos.memory.extract.ingest").gen_message_id(session.id, stamp, place)
        lineage.messages[name] = Told(turn.id, said)
        return {
            "sender_id": sender, "sender_name": turn.speaker, "timestamp": stamp,
            "role": "user" if is_user else "assistant", "content": text,
        }  # fmt: skip

    async def _memorize(
        self, session: Session, messages: Sequence[Mapping[str, Any]], **how: Any
    ) -> None:
        """One call of EverOS's API, and all that it sets off."""
        payload = {"session_id": session.id, "messages": list(messages)}
        memorize = module("everos.service.memorize").memorize
        failed: Exception | None = None
        try:
            await memorize(payload, **how)
        except expected_errors() as error:  # EverOS's API tells the caller, and goes on
            failed = error
        except (OSError, module("sqlalchemy.exc").SQLAlchemyError) as error:
            raise BrokenMemoryError(f"everos broke down: {error}") from error
        if failed is not None:
            with Stage("memorize", kind="ingest", parameters=how) as op:
                op.failed(type(failed).__name__, str(failed))
        await self._engine.settle()
        self._hooks.watch.check()

    async def _index(self) -> None:
        """Bring the index up to date with what was written."""
        lineage = self._hooks.watch.lineage
        if not lineage.written:
            return
        inputs: dict[str, Any] = {"written": list(lineage.written)}
        if lineage.store is not None:
            inputs["store"] = lineage.store
        with Stage("index", kind="store", inputs=inputs) as op:
            await self._engine.index()
            lineage.store = op.output("store", {"items": len(lineage.items)}, kind="store")
        lineage.written = []

    # Reading --------------------------------------------------------------------------------

    def search(self, query: Query) -> list[Hit]:
        """What EverOS finds. The retrieval `agentic` asks the model on the way."""
        with asking(self.scope, [query]), within(query.key, time=query.time):
            return list(self._find(record_query(query)).hits)

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Search, build a context and answer, for each query."""
        if not queries:
            return []
        with asking(self.scope, queries):
            asked = [self._ask(query) for query in queries]
            ready = [one for one in asked if isinstance(one, Asked)]
            answers = iter(self._answerer.answer(ready) if ready else [])
            return [next(answers) if isinstance(one, Asked) else one for one in asked]

    def _ask(self, query: Query) -> Asked | Answer:
        with within(query.key, time=query.time):
            question = record_query(query)
            found = self._find(question)
            if found.failure is not None:
                response = ChatResponse.failed(found.failure.kind, found.failure.message)
                return Answer(text="", response=response, question_handle=question)
            context = self._searcher.context(found)
        return Asked(question, context, query.key, found.hits)

    def _find(self, question: Handle[str]) -> Found:
        found = self._engine.run(lambda: self._searcher.search(question))
        self._hooks.watch.check()
        return found

    def stored(self) -> dict[str, str]:
        """What the index holds now, by item id: for comparison with the trace."""
        return self._engine.run(self._hooks.stored)

    # State ----------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """A copy of EverOS's folder, and of what is known beside it."""
        self._engine.park()
        folder = None
        if self._engine.root.is_dir():
            self._snapshots += 1
            folder = self._folder / f"snapshot-{self._snapshots}"
            _copy(self._engine.root, folder)
        lineage = self._hooks.watch.lineage.copy()
        return _State(folder, lineage, self.scope.snapshot(), dict(self._engine.unusable))

    def restore(self, state: Any) -> None:
        """Put an older copy in place."""
        self._engine.remove()
        if state.folder is not None:
            _copy(state.folder, self._engine.root)
        self._hooks.watch.lineage = state.lineage.copy()
        self._engine.unusable.clear()
        self._engine.unusable.update(state.unusable)
        self.scope.restore(state.counts)

    def close(self) -> None:
        """Close and delete EverOS's folder."""
        self._forget()


def _weakly(method: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Awaitable[None]]:
    """The method, without keeping its object alive: an abandoned memory tidies up behind itself."""
    found = weakref.WeakMethod(method)

    async def call() -> None:
        alive = found()
        if alive is not None:
            await alive()

    return call


def _forget(engine: Engine, folder: Path) -> None:
    with suppress(RuntimeError):  # the interpreter ends, and its threads are gone already
        engine.park()
    shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.lock"))


def _identifier(speaker: str) -> str:
    """A speaker's name as an id that EverOS can use for a folder."""
    return re.sub(r"[^\w-]+", "_", speaker.strip()) or "nobody"
