"""What the tests of Mem0 share: a conversation, a memory of ours, a memory as a user builds it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.execution import Execution, Intervention, execute
from memtrace.memory import Query
from memtrace.memory.mem0.releases import installed_line
from memtrace.testing import RuleModel, mem0_rules

LINE = installed_line()
if LINE is None:
    pytest.skip(
        "needs mem0ai 1.0.x or 2.2.x and qdrant-client in this environment", allow_module_level=True
    )
pytest.importorskip("qdrant_client")

from memtrace.memory.mem0.building import build_memory, mem0_main  # noqa: E402
from memtrace.memory.mem0.system import Mem0Memory  # noqa: E402

only_classic = pytest.mark.skipif(LINE != "classic", reason="needs mem0ai 1.0.x")
only_additive = pytest.mark.skipif(LINE != "additive", reason="needs mem0ai 2.2.x")

SAID = (
    ("s1", "Ana", "I moved to Lisbon for a new job. I work as a nurse."),
    ("s1", "Bo", "The name of my dog is Pickle."),
    ("s2", "Ana", "I moved to Porto for a new job. The weather is fine today."),
    ("s2", "Bo", "The name of my dog is no longer Pickle."),
    ("s2", "Ana", "I like green tea in the morning."),
)
QUESTION = Query("Where did Ana move for a new job?", id="q1")


def sessions() -> list[Session]:
    return [
        Session(
            id=name,
            time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (session, speaker, text) in enumerate(SAID)
                if session == name
            ),
        )
        for day, name in enumerate(("s1", "s2"), 1)
    ]


def memory(**options: Any) -> Mem0Memory:
    model = options.pop("model", None) or RuleModel(mem0_rules())
    return Mem0Memory(model, HashEmbedder(), scope="c1", **options)


def run(path: Path, *interventions: Intervention, **options: Any) -> list[Any]:
    """The conversation and its question, recorded; the answer's place of honour is last."""
    with memtrace.record(path) as recorder:
        decider = Execution(interventions=interventions)
        with execute(recorder, decider):
            system = memory(**options)
            for session in sessions():
                system.add(session)
            answers = system.answer([QUESTION])
        assert not decider.unapplied, decider.unapplied
        held = store_of(system)
        system.close()
    return [answers[0], held]


def store_of(system: Mem0Memory) -> dict[str, str]:
    """What Mem0's own store holds, by item."""
    return stored(system._memory, system.scope.name)


def stored(mem0_memory: Any, scope: str) -> dict[str, str]:
    rows = mem0_memory.vector_store.client.scroll("memories", limit=1000)[0]
    return {f"{scope}/{row.id}": row.payload["data"] for row in rows}


def state_of(path: Path) -> dict[str, str]:
    """What the trace says the store holds."""
    with memtrace.open(path) as trace:
        return {item: trace.value(one.id) for item, one in trace.state_at(trace.last_seq).items()}


def replies(path: Path) -> list[tuple[str, str]]:
    """Places and replies of all model calls."""
    with memtrace.open(path) as trace:
        return [
            (op.metadata["place"][1], trace.value(op.outputs[role][0]))
            for op in trace.operations()
            for role in ("reply", "answer")
            if role in op.outputs
        ]


class UsersLlm:
    """A model as a user has it: some object with Mem0's method."""

    def __init__(self, change: Callable[[str, Sequence[Mapping[str, str]]], str] | None = None):
        self._model, self._change = RuleModel(mem0_rules()), change

    def generate_response(self, messages: Any, **kwargs: Any) -> str:
        from lmcommon.llm.types import ChatRequest, Message

        request = ChatRequest(
            messages=tuple(Message(m["role"], str(m["content"])) for m in messages)
        )
        text = self._model.generate([request])[0].text
        return text if self._change is None else self._change(text, messages)


def users_memory(change: Any = None) -> Any:
    """A `mem0.Memory` that memtrace knows nothing of."""
    mem0_main()
    made = build_memory(HashEmbedder())
    made.llm = UsersLlm(change)
    return made


def find(made: Any, text: str, **options: Any) -> list[dict[str, Any]]:
    """A search as each line wants it."""
    scoped = {"user_id": "ana"} if LINE == "classic" else {"filters": {"user_id": "ana"}}
    found: list[dict[str, Any]] = made.search(text, **scoped, **options)["results"]
    return found


def read_json(text: str) -> Any:
    return json.loads(text)
