"""What happens inside Mem0's `add`, rebuilt as operations from the hooks around it.

Classic: `extract` (messages -> reply), `parse` (reply -> facts), `search_similar` for each fact,
`decide` (facts and memories -> reply), `apply` (reply -> writes). Additive: `last_messages`,
`search_similar` once, `extract`, `parse`, `apply`. `apply` stays open while Mem0 writes, so that
every write to the store is its output. What Mem0 drops without a word is noted as a `no_op`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from lmcommon.prompt import Prompt
from memtrace.execution.stage import Stage
from memtrace.graph.recording.handle import Handle
from memtrace.graph.recording.scope import current_scope
from memtrace.graph.recording.tracing import variable
from memtrace.memory.mem0 import parsing
from memtrace.memory.mem0.hits import settle_points
from memtrace.memory.mem0.store import adopted, arguments, declare
from memtrace.memory.mem0.types import Call, ModelCallError, Parsed

if TYPE_CHECKING:
    from memtrace.memory.mem0.tracer import Tracer

__all__ = ["AddTrace"]

_EVENTS = ("ADD", "UPDATE", "DELETE")
_SHOWN = 300
"""Characters of an earlier message that additive Mem0 shows the model."""


class AddTrace:
    """The hooks that work while messages are added.

    Args:
        tracer: Whose memory it is.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self.said: dict[str, list[tuple[str, Handle[Any]]]] = {}
        """Messages that were saved, by the scope Mem0 saves them for; the newest last."""

    # Hooks ----------------------------------------------------------------------------------

    def add_to_store(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The whole of adding, below the public call."""
        call = self._tracer.call
        if call is None or call.name != "add":
            return original(*args, **kwargs)
        given = arguments(original, args, kwargs)
        call.metadata, call.is_adding = given["metadata"], bool(given["infer"])
        call.replies = 0  # images were described before
        call.instructions = str(
            given.get("prompt") or getattr(self._tracer.memory, "custom_instructions", None) or ""
        )
        try:
            with call.open:
                try:
                    result = original(*args, **kwargs)
                finally:
                    _note_swallowed(call)
                if call.apply is not None:
                    self._end_apply(call)
        finally:
            call.is_adding, call.apply = False, None
        return result

    def generate(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A model call."""
        call = self._tracer.call
        if call is None:
            return original(*args, **kwargs)
        call.replies += 1
        try:
            if not call.is_adding:
                reply, _ = self._ask("describe", "summary", {"messages": call.messages},
                                     original, args, kwargs)  # fmt: skip
                return reply
            if call.replies == 1:
                return self._extract(call, original, args, kwargs)
            return self._decide(call, original, args, kwargs)
        except UserError as error:
            call.refused = error  # Mem0 may swallow it
            raise

    def search(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A search of the vector store."""
        tracer, call = self._tracer, self._tracer.call
        if call is None:
            return original(*args, **kwargs)
        if not call.is_adding:
            return tracer.search_points(original, args, kwargs)
        inputs: dict[str, Any] = {"messages": call.messages}
        if call.facts:
            inputs = {"fact": call.facts[min(call.searches, len(call.facts) - 1)]}
        call.searches += 1
        limit = arguments(original, args, kwargs).get(tracer.release.limit)
        with Stage(
            "search_similar", kind="retrieval", inputs={**inputs, **tracer.store.inputs()},
            points=("hits",), parameters={"top_k": limit},
        ) as op:  # fmt: skip
            points = tracer.search_points(original, args, kwargs)
            kept, found = settle_points(op, tracer.store, points, tracer.stored)
        # As Mem0 does it: numbered by first sight, the last text of each.
        call.similar.update({one.id: one for one in found})
        return kept

    def last_messages(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The messages of before that additive Mem0 shows the model."""
        call = self._tracer.call
        if call is None or not call.is_adding:
            return original(*args, **kwargs)
        scope = str(arguments(original, args, kwargs)["session_scope"])
        listed = original(*args, **kwargs)
        known = {text: adopted(handle) for text, handle in self.said.get(scope, [])}
        handles = [
            known.get(str(row.get("content"))) or variable(str(row.get("content")), kind="message")
            for row in listed
        ]
        if not handles:
            return listed
        with Stage("last_messages", kind="retrieval", inputs={"messages": handles}) as op:
            shown = [handle.value[:_SHOWN] for handle in handles]
            call.last_messages = [op.output("history", shown, kind="history")]
        return listed

    def save_messages(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Keep in mind which variables the saved messages are."""
        result = original(*args, **kwargs)
        call = self._tracer.call
        if call is not None:
            given = arguments(original, args, kwargs)
            kept = self.said.setdefault(str(given["session_scope"]), [])
            kept += [
                (str(one.get("content")), handle)
                for one, handle in zip(given["messages"], call.messages, strict=False)
            ]
            del kept[:-10]
        return result

    # The steps ------------------------------------------------------------------------------

    def _ask(
        self, name: str, kind: str, inputs: Mapping[str, Any], original: Callable[..., Any],
        args: tuple[Any, ...], kwargs: Mapping[str, Any], prompt: Prompt | None = None,
    ) -> tuple[Any, Handle[Any] | None]:  # fmt: skip
        with Stage(name, kind=kind, inputs=inputs, prompt=prompt, points=("reply",)) as op:
            reply, handle = self._tracer.asking.ask(op, original, args, kwargs)
        if isinstance(reply, ModelCallError):
            raise reply
        return reply, handle

    def _extract(
        self, call: Call, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """The call that finds facts, what is read in its reply, and the reply passed on."""
        tracer, is_classic = self._tracer, self._tracer.release.line == "classic"
        inputs: dict[str, Any] = {"messages": call.messages}
        if not is_classic:
            inputs["last_messages"] = call.last_messages
            inputs["memories"] = [one.handle for one in call.similar.values()]
            if call.instructions:
                inputs["instructions"] = _prompt_handle("instructions", call.instructions)
        prompt = tracer.extraction_prompt(args, kwargs)
        reply, said = self._ask("extract", "extraction", inputs, original, args, kwargs, prompt)
        with Stage("parse", kind="extraction", inputs={"reply": said}, points=("facts",)) as op:
            parse = parsing.parse_facts if is_classic else parsing.parse_memories
            parsed = parse(tracer.main, reply)
            texts = parsed.items if is_classic else [one["text"] for one in parsed.items]
            if parsed.error is not None:
                op.failed("unreadable_reply", parsed.error)
            facts = _facts(op, op.settle("facts", texts))
            call.facts = op.outputs("facts", facts, kind="fact")
            for why in parsed.dropped:
                op.no_op(why)
        if facts != texts:
            reply = parsing.classic_reply(facts) if is_classic else parsing.additive_reply(
                facts, parsed.items)  # fmt: skip
        if is_classic or not facts:
            return reply
        known = [one.hash for one in call.similar.values() if one.hash]
        plan = parsing.planned_additions(facts, known)
        rows = self._begin_apply(call, plan, {"facts": call.facts}, kind="store")
        if rows != plan.items:
            said_rows = [row for row in rows if row["event"] == "ADD"]
            fresh = parsing.planned_additions([row["text"] for row in said_rows], known)
            texts = [row["text"] for row in fresh.items]
            call.beyond = [row for row in rows if row["event"] != "ADD"]
            call.beyond += _repeated(said_rows, texts)
            reply = parsing.additive_reply(texts, parsed.items)
        return reply

    def _decide(
        self, call: Call, original: Callable[..., Any], args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        """The call that decides on writes, and the reply passed on."""
        tracer, shown = self._tracer, list(call.similar.values())
        inputs = {"facts": call.facts, "memories": [one.handle for one in shown]}
        reply, said = self._ask(
            "decide", "update", inputs, original, args, kwargs, tracer.update_prompt()
        )
        plan = parsing.parse_decisions(tracer.main, reply, shown, tracer.store.prefix)
        rows = self._begin_apply(call, plan, {"reply": said}, kind="update")
        if rows == plan.items:
            return reply
        numbers = {tracer.store.item(one.id): str(n) for n, one in enumerate(shown)}
        can_be_said = [row["item"] is None or row["item"] in numbers for row in rows]
        call.beyond = [row for row, can in zip(rows, can_be_said, strict=True) if not can]
        sayable = [row for row, can in zip(rows, can_be_said, strict=True) if can]
        return parsing.reply_of_decisions(sayable, numbers)

    def _begin_apply(
        self, call: Call, plan: Parsed, inputs: Mapping[str, Any], *, kind: str
    ) -> list[dict[str, Any]]:
        """Open the operation that the writes belong to; gives the writes, perhaps changed."""
        op = Stage(
            "apply", kind=kind, inputs={**inputs, **self._tracer.store.inputs()},
            points=("writes",),
        )  # fmt: skip
        call.open.enter_context(op)
        rows = op.settle("writes", plan.items)
        if rows is not plan.items:
            rows = [self._checked(op, row) for row in rows]
        here = current_scope()
        for row in rows:
            live = here[0].live(row["item"]) if here is not None and row["item"] else None
            if live is not None:
                declare(op, "previous", live)
        call.apply, call.planned = op, len(rows)
        if plan.error is not None:
            op.failed("unreadable_reply", plan.error)
        for why in plan.dropped:
            op.no_op(why)
        return rows

    def _checked(self, op: Stage, row: Any) -> dict[str, Any]:
        """A write, if it makes sense."""
        expected = (
            f"writes at {op.place}: expected rows {{event: {', '.join(_EVENTS)}; item: of the "
            f"store, null for ADD; text}}"
        )
        if not isinstance(row, Mapping) or row.get("event") not in _EVENTS:
            raise UserError(f"{expected}; got {row!r}")
        event, item, text = row["event"], row.get("item"), row.get("text")
        if event != "DELETE" and (not isinstance(text, str) or not text):
            raise UserError(f"{expected}; the text is missing in {row!r}")
        if event == "ADD":
            return {"event": event, "item": None, "text": text}
        prefix = self._tracer.store.prefix
        is_known = isinstance(item, str) and item.startswith(prefix)
        if not is_known or self._tracer.stored(str(item).removeprefix(prefix)) is None:
            raise UserError(f"{expected}; the store does not hold the item of {row!r}")
        return {"event": event, "item": item, "text": text or ""}

    def _end_apply(self, call: Call) -> None:
        """Do the writes that no reply could say, and close the books."""
        op, memory, prefix = call.apply, self._tracer.memory, self._tracer.store.prefix
        assert op is not None
        for row in call.beyond:
            memory_id = (row["item"] or "").removeprefix(prefix)
            if row["event"] == "ADD":
                memory._create_memory(row["text"], {}, dict(call.metadata))
            elif row["event"] == "UPDATE":
                memory._update_memory(memory_id, row["text"], {}, dict(call.metadata))
            else:
                memory._delete_memory(memory_id)
        if call.written != call.planned and not call.swallowed:
            # Mem0 reads replies in another way than we do: this release needs another adapter.
            op.note("unplanned", {"planned": call.planned, "written": call.written})
        self._tracer.store.changed(op)


def _note_swallowed(call: Call) -> None:
    """Record errors that passed our hooks; whatever is raised in the end comes on top."""
    op = call.apply
    if op is None or not call.swallowed:
        return
    op.failed(*call.swallowed[-1])
    op.note("swallowed", [list(one) for one in call.swallowed])


def _facts(op: Stage, settled: Any) -> list[str]:
    if not isinstance(settled, list) or not all(isinstance(fact, str) and fact for fact in settled):
        raise UserError(
            f"facts at {op.place}: expected a list of texts that are not empty; got "
            f"{json.dumps(settled, ensure_ascii=False)[:200]}"
        )
    return settled


def _repeated(rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> list[Mapping[str, Any]]:
    """Additions that Mem0 would drop as duplicates."""
    left = list(texts)
    beyond = []
    for row in rows:
        if row["text"] in left:
            left.remove(row["text"])
        else:
            beyond.append(row)
    return beyond


def _prompt_handle(name: str, text: str) -> Handle[str]:
    here = current_scope()
    return Handle(text, kind="prompt", name=name) if here is None else here[0].prompt(name, text)
