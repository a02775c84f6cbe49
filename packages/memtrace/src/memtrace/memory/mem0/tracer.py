"""The tracer of one `mem0.Memory`: wraps its methods, and knows which call is running.

In: a memory object. Out: operations of the trace, for every public call made inside a recording.
Wrapped are the object and its parts, never a class; of Mem0's module only the thread pool is
replaced, by one that carries context variables. Outside a recording a call passes untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import ReferenceType, ref

from lmcommon.prompt import Prompt
from memtrace.execution.places import Scope
from memtrace.execution.stage import Stage
from memtrace.graph.recording.scope import current_scope
from memtrace.memory.mem0.adding import AddTrace
from memtrace.memory.mem0.asking import Asking, TheirModel
from memtrace.memory.mem0.defaults import literal_prompt
from memtrace.memory.mem0.hits import settle_memories, stable
from memtrace.memory.mem0.public import PublicTrace
from memtrace.memory.mem0.releases import Release
from memtrace.memory.mem0.shims import carry_context, release_context
from memtrace.memory.mem0.store import StoreTrace, arguments
from memtrace.memory.mem0.types import Call
from memtrace.memory.mem0.wrapping import Wrappers

if TYPE_CHECKING:
    from memtrace.graph.recording.recorder import Recorder

__all__ = ["MARK", "Tracer"]

MARK = "_memtrace_tracer"
"""Attribute of a memory that says what is attached to it."""

_CALL: ContextVar[Call | None] = ContextVar("memtrace_mem0_call", default=None)
_MORE = 32
"""Hits fetched beyond the limit, so that ties at the limit are broken by us."""


class Tracer:
    """Traces one memory, until it is detached.

    Args:
        memory: A `mem0.Memory`.
        main: The module `mem0.memory.main`.
        release: Which line it is, checked.
        scope: The memory's name in a trace.
        asking: How model calls are made.
        prompts: Templates of the memory, where they are ours: `extraction`, `update`.
        is_stable: Break ties of searches by age. Changes what a search returns, so only for
            memories of ours.
    """

    def __init__(
        self, memory: Any, main: Any, release: Release, scope: Scope, *,
        asking: Asking | None = None, prompts: Mapping[str, Prompt] | None = None,
        is_stable: bool = False,
    ) -> None:  # fmt: skip
        self.memory, self.main, self.release, self.scope = memory, main, release, scope
        self.asking: Asking = asking or TheirModel(memory)
        self.prompts = dict(prompts or {})
        self.store = StoreTrace(f"{scope.name}/")
        self.adding = AddTrace(self)
        self._is_stable = is_stable
        self.begun: ReferenceType[Recorder] | None = None
        """The re-run that it was begun in."""
        self._wrappers = Wrappers()
        self.is_attached = True
        carry_context(main)
        self.wrap()

    @property
    def versions(self) -> Mapping[str, str]:
        """The package's version and line."""
        return {"mem0ai": version("mem0ai"), "line": self.release.line}

    @property
    def call(self) -> Call | None:
        """The call of this memory that is running here."""
        call = _CALL.get()
        return call if call is not None and call.tracer is self else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self.detach()

    def detach(self) -> None:
        """Leave the memory as it was. Idempotent."""
        if self.is_attached:
            self.is_attached = False
            self._wrappers.undo()
            vars(self.memory).pop(MARK, None)
            release_context(self.main)

    def begin(self, recorder: Recorder) -> None:
        """Know nothing and count from the start: the memory is empty, and this is a re-run."""
        self.begun = ref(recorder)
        self.scope.restore({})
        self.store = StoreTrace(self.store.prefix)
        self.adding.said.clear()

    def wrap(self) -> None:
        """Put the wrappers around the memory's present parts."""
        self._wrappers.undo()
        memory, put = self.memory, self._wrappers.put
        for name, hook in PublicTrace(self).hooks().items():
            put(memory, name, hook)
        put(memory, "_add_to_vector_store", self.adding.add_to_store)
        put(memory, "_search_vector_store", self._retrieve)
        put(memory, "_get_all_from_vector_store", self._list)
        for name in ("_create_memory", "_update_memory", "_delete_memory"):
            put(memory, name, self._watched)
        put(memory.llm, "generate_response", self.adding.generate)
        put(memory.vector_store, "search", self.adding.search)
        put(memory.vector_store, "insert", self._insert)
        put(memory.vector_store, "update", self._update)
        put(memory.vector_store, "delete", self._delete)
        if self.release.line == "additive":
            put(memory.db, "get_last_messages", self.adding.last_messages)
            put(memory.db, "save_messages", self.adding.save_messages)
            put(memory.db, "batch_add_history", self._watched)
            put(memory.db, "add_history", self._watched)
            put(memory.embedding_model, "embed_batch", self._watched)
        if getattr(memory, "reranker", None) is not None:
            put(memory.reranker, "rerank", self._rerank)

    @contextmanager
    def calling(self, name: str, **known: Any) -> Iterator[Call]:
        """What runs inside is this public call.

        Args:
            name: Of the method.
            known: Fields of `Call`.
        """
        call = Call(self, name, **known)
        token = _CALL.set(call)
        try:
            yield call
        finally:
            _CALL.reset(token)
            if call.refused is not None:
                raise call.refused

    def stored(self, memory_id: str) -> Any:
        """What the store holds under an id; None for nothing."""
        return self.memory.vector_store.get(vector_id=memory_id)

    def extraction_prompt(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Prompt | None:
        """The template of the extraction call: ours, or the system message that is sent."""
        if "extraction" in self.prompts:
            return self.prompts["extraction"]
        messages = args[0] if args else kwargs.get("messages", ())
        systems = [str(one["content"]) for one in messages if one.get("role") == "system"]
        return _literal("extraction", systems[0]) if systems else None

    def update_prompt(self) -> Prompt | None:
        """The leading part of the update call: ours, the configured one, or the package's."""
        if "update" in self.prompts:
            return self.prompts["update"]
        given = getattr(self.memory.config, "custom_update_memory_prompt", None)
        if given is None:
            from mem0.configs import prompts  # type: ignore[import-not-found,unused-ignore]

            given = getattr(prompts, "DEFAULT_UPDATE_MEMORY_PROMPT", None)
        return None if given is None else _literal("update", str(given))

    def search_points(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """A search of the vector store, in a stable order where the memory is ours."""
        if not self._is_stable:
            return original(*args, **kwargs)
        given = arguments(original, args, kwargs)
        limit = int(given[self.release.limit])
        given[self.release.limit] = limit + _MORE
        return stable(original(**given), self.store.order, limit)

    # Hooks of reading -----------------------------------------------------------------------

    def _retrieve(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._found("retrieve", original, args, kwargs)

    def _list(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._found("list", original, args, kwargs)

    def _found(
        self, name: str, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        call = self.call
        if call is None:
            return original(*args, **kwargs)
        given = arguments(original, args, kwargs)
        named: tuple[str, ...] = ("limit", "threshold")
        parameters = {key: given[key] for key in named if key in given}
        inputs = {} if call.question is None else {"question": call.question}
        with Stage(
            name, kind="retrieval", inputs={**inputs, **self.store.inputs()}, points=("hits",),
            parameters=parameters,
        ) as op:  # fmt: skip
            memories = original(*args, **kwargs)
            kept, call.found = settle_memories(op, self.store, memories, self.memory.get)
        return kept

    def _rerank(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call = self.call
        if call is None:
            return original(*args, **kwargs)
        inputs: dict[str, Any] = {"hits": [one.handle for one in call.found]}
        if call.question is not None:
            inputs["question"] = call.question
        with Stage("rerank", kind="rerank", inputs=inputs, points=("hits",)) as op:
            memories = original(*args, **kwargs)
            kept, call.found = settle_memories(op, self.store, memories, self.memory.get)
        return kept

    # Hooks of writing -----------------------------------------------------------------------

    def _watched(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Keep an error in mind that Mem0 may swallow."""
        try:
            return original(*args, **kwargs)
        except Exception as error:  # the border to the package: noted, and raised again
            call = self.call
            noted = type(error).__qualname__, str(error)
            if call is not None and noted not in call.swallowed:
                call.swallowed.append(noted)
            raise

    def _insert(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._is_traced:
            return original(*args, **kwargs)
        call, given = self.call, arguments(original, args, kwargs)
        texts = [payload.get("data") for payload in given["payloads"] or ()]
        with self.store.writing(call, texts) as op:
            result = self._watched(original, *args, **kwargs)
            self.store.inserted(op, given, () if call is None else call.turns)
        if call is not None:
            call.written += len(given["ids"] or ())
        return result

    def _update(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._is_traced:
            return original(*args, **kwargs)
        call = self.call
        with self.store.writing(call) as op:
            result = self._watched(original, *args, **kwargs)
            turns = () if call is None else call.turns
            given = arguments(original, args, kwargs)
            self.store.updated(op, given, turns)
        if call is not None and given.get("vector") is not None:
            call.written += 1
        return result

    def _delete(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._is_traced:
            return original(*args, **kwargs)
        call = self.call
        with self.store.writing(call) as op:
            result = self._watched(original, *args, **kwargs)
            self.store.deleted(op, arguments(original, args, kwargs))
        if call is not None:
            call.written += 1
        return result

    @property
    def _is_traced(self) -> bool:
        return self.call is not None or current_scope() is not None


@lru_cache(maxsize=16)
def _literal(name: str, text: str) -> Prompt:
    """A prompt that is sent as it stands."""
    return literal_prompt(name, text)
