"""RAG: sessions cut into chunks, chunks indexed, the best ones shown to the model.

Operations: `chunk` (messages -> chunks), `index` (chunks + store -> items + store), `retrieve`
(question + store -> hits; one a ranking, then `fuse`, for hybrid), `build_context` (hits ->
context, with what was cut named), then prompt and answer. On request `rewrite` (question ->
query) comes before them and `rerank` (question + hits -> hits) after `retrieve`. No model is
called while writing. `index`, `retrieve` and `fuse` are the shelf's (see `memory.shelf`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from lmcommon.data.types import Session
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt
from memtrace.execution.calls import complete
from memtrace.execution.places import Scope, next_place, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.answering import Answerer, Asked, default_prompt
from memtrace.memory.chunking import Chunk, chunk_lines
from memtrace.memory.index import Index
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.reranking import Reranker
from memtrace.memory.rewriting import Rewriter
from memtrace.memory.shelf import Found, Shelf
from memtrace.memory.tokens import approximate_tokens
from memtrace.memory.types import Answer, Hit, Query

__all__ = ["Rag"]


class Rag:
    """Retrieval-augmented answering.

    Args:
        model: Answers.
        indexes: One index, or several whose rankings are fused.
        top_k: Chunks retrieved for a question.
        chunk_turns: Turns of a chunk, at most.
        overlap_turns: Turns that neighbouring chunks share; below `chunk_turns`.
        chunk_tokens: Approximate tokens of a chunk, at most (a single turn is never cut).
        context_tokens: Approximate tokens of the context, at most; what does not fit is cut,
            the worst hits first.
        scope: Name of this memory, to tell the memories of one trace apart; item ids start with
            it.
        prompt: Question-answering prompt; None: the package's own.
        sampling: How to decode answers.
        rewriter: Words the query for retrieval; None: the question is the query.
        reranker: Orders what was retrieved; None: retrieval's order stands.
    """

    version = "2"

    def __init__(
        self, model: ChatModel, indexes: Sequence[Index], *, top_k: int = 5, chunk_turns: int = 3,
        overlap_turns: int = 1, chunk_tokens: int = 200, context_tokens: int = 1024,
        scope: str = "", prompt: Prompt | None = None, sampling: Sampling | None = None,
        name: str = "", rewriter: Rewriter | None = None, reranker: Reranker | None = None,
    ) -> None:  # fmt: skip
        if not indexes or min(top_k, chunk_turns, chunk_tokens, context_tokens) < 1:
            raise ValueError("expected an index, and sizes of at least 1")
        if not 0 <= overlap_turns < chunk_turns:
            raise ValueError(f"overlap_turns: expected 0 to {chunk_turns - 1}; got {overlap_turns}")
        self.name = name or "rag_" + "_".join(index.name for index in indexes)
        self.top_k, self.context_tokens = top_k, context_tokens
        self._chunking = {
            "max_turns": chunk_turns, "overlap_turns": overlap_turns, "max_tokens": chunk_tokens,
        }  # fmt: skip
        self._answerer = Answerer(model, prompt or default_prompt(), sampling or Sampling())
        self._rewriter, self._reranker = rewriter, reranker
        self.scope = Scope(scope or self.name)
        self._shelf = Shelf(indexes, f"{scope}/" if scope else "")

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own, and that of the library behind BM25."""
        return {self.name: self.version, "bm25s": version("bm25s")}

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The question-answering prompt, and those of rewriting and reranking where they are on."""
        found = {"qa": self._answerer.prompt}
        for name, part in (("rewrite", self._rewriter), ("rerank", self._reranker)):
            if part is not None:
                found[name] = part.prompt
        return found

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Chunking, indexes, sizes and decoding."""
        found: dict[str, Any] = {
            "top_k": self.top_k, "context_tokens": self.context_tokens, "chunking": self._chunking,
            "indexes": {index.name: index.identity for index in self._shelf.indexes},
            "answer": dict(self._answerer.parameters),
        }  # fmt: skip
        if self._rewriter is not None:
            found["rewrite"] = {"model": self._rewriter.model.name}
        if self._reranker is not None:
            found["rerank"] = {
                "model": self._reranker.model.name, "candidates": self._reranker.candidates,
            }  # fmt: skip
        return found

    def add(self, session: Session) -> None:
        """Chunk the turns and index the chunks."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded:
            lines = [line for line, _ in recorded]
            messages = [message for _, message in recorded]
            with Stage(
                "chunk", kind="chunking", inputs={"messages": messages}, points=("chunks",),
                parameters=self._chunking,
            ) as op:  # fmt: skip
                cut = [chunk.to_list() for chunk in chunk_lines(lines, **self._chunking)]
                chunks = [Chunk.from_list(rows) for rows in op.settle("chunks", cut)]
                handles = op.outputs("chunks", [chunk.text for chunk in chunks], kind="chunk")
            self._shelf.write(chunks, handles)

    def search(self, query: Query) -> list[Hit]:
        """The hits for a query, best first."""
        with asking(self.scope, [query], action="search"):
            ((_, found),) = self._retrieve([query])
            return [hit for hit, _ in found]

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Retrieve, build a context and answer, for each query."""
        if not queries:
            return []
        with asking(self.scope, queries):
            asked = []
            for query, (question, found) in zip(queries, self._retrieve(queries), strict=True):
                with within(query.key, time=query.time):
                    context = self._build_context(found)
                hits = tuple(hit for hit, _ in found)
                asked.append(Asked(question, context, query.key, hits))
            return self._answerer.answer(asked)

    def snapshot(self) -> object:
        """The shelf, nothing of it copied."""
        return self._shelf.snapshot(), self.scope.snapshot()

    def restore(self, state: Any) -> None:
        """Take an older state."""
        shelf, counts = state
        self._shelf.restore(shelf)
        self.scope.restore(counts)

    def close(self) -> None:
        """Nothing is held."""

    def _retrieve(self, queries: Sequence[Query]) -> list[tuple[Handle[str], Found]]:
        """Each question with what was found for it; model calls are made in batches."""
        asked = []
        for query in queries:
            with within(query.key, time=query.time):
                asked.append((query.key, record_query(query)))
        words = [question for _, question in asked]
        if self._rewriter is not None:
            words = self._rewriter.rewrite(asked)
        wide = self.top_k
        if self._reranker is not None:
            wide = max(wide, self._reranker.candidates)
        found = []
        for query, word in zip(queries, words, strict=True):
            with within(query.key, time=query.time):
                found.append(self._shelf.rank(word, wide))
        if self._reranker is not None:
            found = self._reranked(self._reranker, asked, found)
        return [(question, one) for (_, question), one in zip(asked, found, strict=True)]

    def _reranked(
        self, reranker: Reranker, asked: Sequence[tuple[str, Handle[str]]], found: Sequence[Found]
    ) -> list[Found]:
        """The best of what was found, in the order the model gives; nothing stays nothing."""
        wanted = [number for number, one in enumerate(found) if one]
        requests, places = [], []
        for number in wanted:
            key, question = asked[number]
            with within(key):
                places.append(next_place("rerank"))
            requests.append(
                reranker.request(question.value, [hit.text for hit, _ in found[number]])
            )
        completed = complete(reranker.model, requests, places)
        ranked = list(found)
        for number, place, done in zip(wanted, places, completed, strict=True):
            question = asked[number][1]
            inputs = {"question": question, "hits": [handle for _, handle in found[number]]}
            with Stage(
                "rerank", kind="rerank", inputs=inputs, prompt=reranker.prompt, place=place,
                points=("reply", "hits"), parameters={"top_k": self.top_k},
            ) as op:  # fmt: skip
                order = reranker.order(op, done, len(found[number]))
                ranked[number] = self._shelf.in_order(op, found[number], order, self.top_k)
        return ranked

    def _build_context(self, retrieved: Found) -> Handle[str]:
        """Lines of the best hits that fit, each once, in the order they were said."""
        parameters = {"context_tokens": self.context_tokens, "order": "time"}
        inputs = {"hits": [handle for _, handle in retrieved]}
        with Stage(
            "build_context", kind="context", inputs=inputs, points=("context",),
            parameters=parameters,
        ) as op:  # fmt: skip
            kept: list[Hit] = []
            cut: list[str] = []
            for hit, _ in retrieved:
                tried = [*kept, hit]
                if approximate_tokens(self._shelf.page(tried)) <= self.context_tokens:
                    kept = tried
                else:
                    cut.append(hit.item)
            if cut:
                op.output("cut", cut, kind="trimmed")
            text = op.settle("context", self._shelf.page(kept))
            made: Handle[str] = op.output("context", text, kind="context")
        return made
