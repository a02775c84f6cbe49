"""LangMem as a memory system: a model records, patches and removes memories by tool calls.

Operations of `add`: `find` (messages -> memories shown), `extract` and perhaps `repair` (messages +
memories -> facts), `write` (facts + memories -> items, deletions). Of a question: `retrieve`,
`build_context`, then prompt and answer. The manager is LangMem's own, over LangGraph's in-memory
store; ours are only the model, the embedder and who looks at the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage
from langmem import create_memory_store_manager
from langmem.knowledge.extraction import _MEMORY_INSTRUCTIONS
from langsmith import tracing_context

from lmcommon.data.types import Session
from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.execution.places import Scope, next_id, within
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.memory.answering import Answerer, Asked, default_prompt
from memtrace.memory.langmem.calling import Calls
from memtrace.memory.langmem.chat import ToolChat
from memtrace.memory.langmem.freezing import freeze, keeping_errors
from memtrace.memory.langmem.store import WatchedStore, text_of
from memtrace.memory.langmem.writes import checked
from memtrace.memory.messages import adding, asking, record_query
from memtrace.memory.types import Answer, Hit, Query

if TYPE_CHECKING:
    from lmcommon.embed import Embedder

__all__ = ["LangMemMemory", "instructions_prompt", "tools_prompt"]

_CONFIG = {"max_concurrency": 1, "recursion_limit": 12}
"""One thread, so that the order is the same in every run; an end to trustcall's retries."""


def instructions_prompt() -> Prompt:
    """LangMem's own instructions for the model that writes memories."""
    return Prompt("instructions", _MEMORY_INSTRUCTIONS)


def tools_prompt() -> Prompt:
    """How tools are told to a model that knows texts only."""
    return load_prompt("memtrace.memory.langmem", "prompts/tools.md", ("tools",))


class LangMemMemory:
    """The memory of one conversation, kept by LangMem.

    Args:
        model: Records memories and answers.
        embedder: Makes the store's vectors.
        scope: Name of this memory, to tell the memories of one trace apart.
        top_k: Memories retrieved for a question.
        query_limit: Memories shown to the model that writes.
        enable_deletes: Whether that model may remove memories.
        max_extract_tokens: Tokens of its reply, at most.
        sampling: How to decode answers; its temperature holds for all calls.
        prompt: Question-answering prompt; None: the package's own.
        instructions: For the model that writes; None: LangMem's own.
        tools: How tools are told, with `{tools}`; None: the package's own.
    """

    name = "langmem"
    version = "1"

    def __init__(
        self, model: ChatModel, embedder: Embedder, *, scope: str = "", top_k: int = 10,
        query_limit: int = 5, enable_deletes: bool = True, max_extract_tokens: int = 1024,
        sampling: Sampling | None = None, prompt: Prompt | None = None,
        instructions: Prompt | None = None, tools: Prompt | None = None,
    ) -> None:  # fmt: skip
        freeze()
        sampling = sampling or Sampling()
        self.scope = Scope(scope or self.name)
        self._model, self._embedder = model, embedder
        self._top_k, self._query_limit = top_k, query_limit
        self._instructions = instructions or instructions_prompt()
        self._tools = tools or tools_prompt()
        self._writing = Sampling(temperature=sampling.temperature, max_tokens=max_extract_tokens)
        self._answerer = Answerer(model, prompt or default_prompt(), sampling)
        self._items: dict[str, tuple[Handle[str], tuple[str, ...]]] = {}
        self._calls: Calls | None = None
        self._question: Handle[str] | None = None
        self._found: list[tuple[Hit, Handle[str]]] = []
        namespace = ("memories", self.scope.name.replace(".", "_"))
        self._store = WatchedStore(embedder, namespace, self._searched)
        self._manager = create_memory_store_manager(
            ToolChat(ask=self._ask_model), namespace=namespace, store=self._store,
            instructions=self._instructions.text, query_limit=query_limit,
            enable_deletes=enable_deletes,
        )  # fmt: skip
        self._enable_deletes = enable_deletes

    @property
    def versions(self) -> Mapping[str, str]:
        """LangMem, and what it stands on."""
        packages = ("langmem", "trustcall", "langgraph", "langchain-core")
        return {f"memtrace.{self.name}": self.version, **{name: version(name) for name in packages}}

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """Answering, LangMem's instructions, and how tools are told."""
        return {
            "qa": self._answerer.prompt, "instructions": self._instructions, "tools": self._tools,
        }  # fmt: skip

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Sizes, embedder and decoding."""
        return {
            "top_k": self._top_k, "query_limit": self._query_limit,
            "enable_deletes": self._enable_deletes,
            "embedder": dict(self._embedder.identity),
            "extract": {
                "model": self._model.name, "temperature": self._writing.temperature,
                "max_tokens": self._writing.max_tokens,
            },
            "answer": dict(self._answerer.parameters),
        }  # fmt: skip

    def add(self, session: Session) -> None:
        """Let LangMem take in the session's turns, as one conversation of users."""
        if not session.turns:
            return
        with adding(self.scope, session) as recorded:
            messages = [handle for _, handle in recorded]
            calls = self._calls = Calls(
                self._model, self._writing, self._instructions, self._tools, messages
            )
            try:
                swallowed = self._manage([HumanMessage(handle.value) for handle in messages])
            finally:
                self._calls = None
            self._write(calls, swallowed, tuple(line.turn for line, _ in recorded))

    def search(self, query: Query) -> list[Hit]:
        """The memories most like the query, best first."""
        with asking(self.scope, [query], action="search"), within(query.key, time=query.time):
            return [hit for hit, _ in self._retrieve(record_query(query))]

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """Retrieve, build a context and answer, for each query."""
        if not queries:
            return []
        with asking(self.scope, queries):
            return self._answerer.answer([self._ask(query) for query in queries])

    def snapshot(self) -> object:
        """Store and items."""
        return self._store.snapshot(), dict(self._items), self.scope.snapshot()

    def restore(self, state: Any) -> None:
        """Take an older state."""
        stored, items, counts = state
        self._store.restore(stored)
        self._items = dict(items)
        self.scope.restore(counts)

    def close(self) -> None:
        """Nothing is held."""

    # Adding ---------------------------------------------------------------------------------

    def _manage(self, messages: Sequence[HumanMessage]) -> list[str]:
        """Run LangMem; what it swallowed, or died of, as messages."""
        assert self._calls is not None
        self._store.held()  # of an add that was broken off
        with keeping_errors() as swallowed, tracing_context(enabled=False):
            try:
                self._manager.invoke({"messages": messages}, config=_CONFIG)
            except UserError:
                raise
            except Exception as error:  # whatever a reply made of it: the session adds nothing
                swallowed.append(f"{type(error).__name__}: {error}")
                self._store.held()
        if self._calls.error is not None:
            raise self._calls.error
        return swallowed

    def _ask_model(self, messages: Sequence[Any], tools: Sequence[Mapping[str, Any]]) -> Any:
        assert self._calls is not None
        return self._calls.ask(messages, tools)

    def _write(self, calls: Calls, swallowed: Sequence[str], turns: tuple[str, ...]) -> None:
        held = [
            {"event": self._event(key, text), "item": self._item(key), "text": text or ""}
            for key, text in self._store.held()
        ]
        inputs = {"facts": calls.facts, "existing": list(calls.shown.values())}
        with Stage("write", kind="update", inputs=inputs, points=("writes",)) as op:
            if swallowed:
                op.failed("swallowed", "; ".join(swallowed))
            rows = op.settle("writes", held)
            for event, item, text in checked(op, rows, list(self._items), self._item("")):
                if event == "DELETE":
                    self._store.delete_now(self._key(item))
                    if self._items.pop(item, None) is not None:
                        op.deleted(item)
                    continue
                item = item or self._item(str(next_id("item")))
                self._store.put_now(self._key(item), text)
                _, before = self._items.get(item, (None, ()))
                handle = op.output("items", text, kind="memory_item", item=item)
                self._items[item] = handle, tuple(dict.fromkeys((*before, *turns)))
            if not rows:
                op.no_op("nothing to write")

    def _event(self, key: str, text: str | None) -> str:
        if text is None:
            return "DELETE"
        return "UPDATE" if self._item(key) in self._items else "ADD"

    def _item(self, key: str) -> str:
        return f"{self.scope.name}/{key}"

    def _key(self, item: str) -> str:
        return item.removeprefix(f"{self.scope.name}/")

    # Searching ------------------------------------------------------------------------------

    def _searched(self, op: Any, results: list[Any]) -> list[Any]:
        """Record a search of the store; LangMem's own while it adds, or one for a question."""
        calls = self._calls
        inputs: dict[str, Any] = {"question": self._question}
        name = "retrieve"
        if calls is not None:
            if op.limit != self._query_limit:  # LangMem searches twice, and drops the first result
                return results
            name, inputs = "find", {"messages": calls.messages}
        parameters = {"query": op.query, "limit": op.limit}
        with Stage(
            name, kind="retrieval", inputs=inputs, points=("hits",), parameters=parameters
        ) as stage:
            rows: list[dict[str, Any]] = [
                {
                    "item": self._item(found.key), "text": text_of(found.value),
                    "score": round(float(found.score or 0.0), 6),
                }
                for found in results
            ]  # fmt: skip
            kept = [self._hit(stage, row) for row in stage.settle("hits", rows)]
            notes = [{"rank": rank, "score": hit.score} for rank, hit in enumerate(kept, 1)]
            handles = stage.outputs(
                "hits", [self._items[hit.item][0] for hit in kept], kind="hit", metadata=notes
            )
        found = [self._store.item(self._key(hit.item), hit.score) for hit in kept]
        if calls is not None:
            for item, handle in zip(found, handles, strict=True):
                calls.shown[self._manager._stable_id(item)] = handle
        self._found = list(zip(kept, handles, strict=True))
        return found

    def _hit(self, op: Stage, row: Any) -> Hit:
        """A hit from a row, which must be of an item in the store.

        Raises:
            UserError: It is not.
        """
        item = row.get("item") if isinstance(row, dict) else None
        if item not in self._items:
            raise UserError(
                f"hits at {op.place}: expected rows {{item, score}} of items in the store "
                f"({', '.join(list(self._items)[:5])}, ...); got {row!r}"
            )
        handle, turns = self._items[item]
        score = float(row.get("score", 0.0))
        return Hit(item=item, text=handle.value, score=score, turns=turns)

    def _retrieve(self, question: Handle[str]) -> list[tuple[Hit, Handle[str]]]:
        self._question, self._found = question, []
        self._manager.search(query=question.value, limit=self._top_k)
        return self._found

    def _ask(self, query: Query) -> Asked:
        with within(query.key, time=query.time):
            question = record_query(query)
            found = self._retrieve(question)
            inputs = {"hits": [handle for _, handle in found]}
            with Stage("build_context", kind="context", inputs=inputs, points=("context",)) as op:
                text = op.settle("context", "\n".join(hit.text for hit, _ in found))
                context = op.output("context", text, kind="context")
        return Asked(question, context, query.key, tuple(hit for hit, _ in found))
