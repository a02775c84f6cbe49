"""Mem0 as a memory system: the real package, fed one message at a time.

In: sessions and questions. Out: hits and answers; in a recording, every step between them as an
operation (see `adding` for what `add` consists of). At question time: `retrieve` (question and
store -> hits), `build_context` (hits -> context), then prompt and answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from lmcommon.data.types import Session
from lmcommon.embed import Embedder
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt
from memtrace.execution.places import EPOCH, Scope, now, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.tracing import current
from memtrace.memory.answering import Answerer, Asked
from memtrace.memory.mem0.asking import OurModel
from memtrace.memory.mem0.building import build_memory, mem0_main
from memtrace.memory.mem0.defaults import default_prompts
from memtrace.memory.mem0.entities import linking
from memtrace.memory.mem0.releases import LineName, checked_release
from memtrace.memory.mem0.shims import Clock, frozen
from memtrace.memory.mem0.snapshots import put_back, take
from memtrace.memory.mem0.tracer import Tracer
from memtrace.memory.mem0.types import Found, ModelCallError
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.rendering import Line
from memtrace.memory.types import Answer, BrokenMemoryError, Hit, Query

__all__ = ["Mem0Memory"]

_LOST = (ModelCallError, AttributeError, KeyError, TypeError, ValueError)
"""What Mem0 raises over a reply it cannot use; the message is lost then, the memory is not."""


class Mem0Memory:
    """The real Mem0.

    Args:
        model: Extracts, decides and answers.
        embedder: Makes the vectors of the store.
        top_k: Memories shown to the model that answers.
        threshold: Additive line: the least cosine of a memory that is found.
        entities: Additive line: link memories by the names in them (found by simple rules).
        max_memory_tokens: Longest reply of the extraction and update calls.
        scope: Name of this memory, to tell the memories of one trace apart.
        prompts: Other wordings, by name.
        sampling: How answers are decoded.
    """

    version = "1"

    def __init__(
        self, model: ChatModel, embedder: Embedder, *, top_k: int = 10, threshold: float = 0.1,
        entities: bool = False, max_memory_tokens: int = 2000, scope: str = "",
        prompts: Mapping[str, Prompt] | None = None, sampling: Sampling | None = None,
    ) -> None:  # fmt: skip
        main = mem0_main()
        line = self._line = _line_of(main)
        self.name = "mem0" if line == "additive" else "mem0_classic"
        self.scope = Scope(scope or self.name)
        self._prompts = {**default_prompts(line), **(prompts or {})}
        self.top_k, self._threshold, self._entities = top_k, threshold, entities
        self._answerer = Answerer(model, self._prompts["qa"], sampling or Sampling())
        self._embedder = embedder
        instructions = self._prompts["instructions"].text if line == "additive" else ""
        self._memory = build_memory(
            embedder, instructions=instructions, entities=entities and line == "additive"
        )
        self._clock = Clock()
        self._sampling = Sampling(max_tokens=max_memory_tokens)
        system = None
        if line == "additive":
            system = main.ADDITIVE_EXTRACTION_PROMPT, self._prompts["extraction"].text
        self._tracer = Tracer(
            self._memory, main, checked_release(self._memory, main), self.scope,
            asking=OurModel(model, self._sampling, system=system), prompts=self._prompts,
            is_stable=True,
        )  # fmt: skip

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own, and that of the packages inside."""
        return {
            self.name: self.version, **self._tracer.versions,
            "qdrant-client": version("qdrant-client"),
        }  # fmt: skip

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """Classic: `extraction`, `update`, `qa`. Additive: `extraction`, `instructions`, `qa`."""
        return dict(self._prompts)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Line, sizes, embedder and decoding."""
        own: dict[str, Any] = {"line": self._line, "top_k": self.top_k}
        if self._line == "additive":
            linked = "capitalised words and quotations" if self._entities else "off"
            own |= {
                "threshold": self._threshold, "entities": linked, "keyword_search": "off",
            }  # fmt: skip
        return {
            **own, "max_memory_tokens": self._sampling.max_tokens,
            "embedder": dict(self._embedder.identity), "answer": dict(self._answerer.parameters),
        }  # fmt: skip

    def add(self, session: Session) -> None:
        """Add the turns, one after the other, as dated messages of one user."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded, self._running():
            for line, message in recorded:
                with within(line.turn):
                    self._remember(line, message)

    def search(self, query: Query) -> list[Hit]:
        """The memories for a query, best first."""
        with asking(self.scope, [query], action="search"), within(query.key, time=query.time):
            return [self._hit(one) for one in self._retrieve(record_query(query))]

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Retrieve, build a context and answer, for each query."""
        if not queries:
            return []
        with asking(self.scope, queries):
            return self._answerer.answer([self._ask(query) for query in queries])

    def snapshot(self) -> object:
        """The store, the tables and what the trace knows of them, copied."""
        said = {scope: list(rows) for scope, rows in self._tracer.adding.said.items()}
        return (
            take(self._memory), self._tracer.store.snapshot(), said, self._clock.last,
            self.scope.snapshot(),
        )  # fmt: skip

    def restore(self, state: Any) -> None:
        """Put the copies back."""
        stored, known, said, self._clock.last, counts = state
        put_back(self._memory, stored)
        self._tracer.store.restore(known)
        self._tracer.adding.said = {scope: list(rows) for scope, rows in said.items()}
        self.scope.restore(counts)

    def close(self) -> None:
        """Close store and tables."""
        if self._memory is None:
            return
        self._tracer.detach()
        client = self._memory.vector_store.client
        self._memory.db.close()  # as `Memory.close` does, which older releases lack
        client.close()
        self._memory = None

    @contextmanager
    def _running(self) -> Iterator[None]:
        with frozen(self._clock), linking(self._entities):
            yield

    def _remember(self, line: Line, message: Handle[str]) -> None:
        memory = self._memory
        if self._line == "classic":
            date = (now() or EPOCH).date().isoformat()
            extraction = self._prompts["extraction"]
            values = {"date": date} if "date" in extraction.fields else {}
            memory.config.custom_fact_extraction_prompt = extraction.fill(**values)
            memory.config.custom_update_memory_prompt = self._prompts["update"].text
        try:
            with self._tracer.calling("add", messages=[message], turns=(line.turn,)):
                memory.add(
                    [{"role": "user", "content": message.value}], user_id=self.scope.name,
                    metadata={"date": line.date} if line.date else None,
                )  # fmt: skip
        except UserError:
            raise
        except Exception as error:  # the border to the package: a lost message, or a broken system
            if not isinstance(error, _LOST) and not isinstance(error.__cause__, ModelCallError):
                raise BrokenMemoryError(f"mem0: {type(error).__name__}: {error}") from error
            current().note(f"lost {line.turn}", f"{type(error).__name__}: {error}")

    def _ask(self, query: Query) -> Asked:
        with within(query.key, time=query.time):
            question = record_query(query)
            found = self._retrieve(question)
            context = self._build_context(found)
        return Asked(question, context, query.key, tuple(map(self._hit, found)))

    def _retrieve(self, question: Handle[str]) -> list[Found]:
        if not question.value.strip():
            return []
        with self._running(), self._tracer.calling("search", question=question) as call:
            try:
                if self._line == "classic":
                    self._memory.search(question.value, user_id=self.scope.name, limit=self.top_k)
                else:
                    self._memory.search(
                        question.value, filters={"user_id": self.scope.name}, top_k=self.top_k,
                        threshold=self._threshold,
                    )  # fmt: skip
            except UserError:
                raise
            except Exception as error:  # the border to the package
                raise BrokenMemoryError(f"mem0: {type(error).__name__}: {error}") from error
            return call.found

    def _hit(self, found: Found) -> Hit:
        return Hit(
            item=self._tracer.store.item(found.id), text=found.text, score=found.score,
            turns=self._tracer.store.turns.get(found.id, ()), variable=found.handle.id,
        )  # fmt: skip

    def _build_context(self, found: Sequence[Found]) -> Handle[str]:
        """One memory a line, best first, with the date of the message it was last made from."""
        inputs = {"hits": [one.handle for one in found]}
        with Stage("build_context", kind="context", inputs=inputs, points=("context",)) as op:
            lines = []
            for one in found:
                date = one.metadata.get("date")
                lines.append(f"[{date}] {one.text}" if date else one.text)
            text = op.settle("context", "\n".join(lines))
            made: Handle[str] = op.output("context", text, kind="context")
        return made


def _line_of(main: Any) -> LineName:
    from memtrace.memory.mem0.releases import installed_line

    line = installed_line()
    if line is None:
        raise UserError(
            f"mem0ai: expected a supported release (1.0.x from 1.0.5, or 2.2.x); got "
            f"{version('mem0ai')} at {main.__file__}"
        )
    return line
