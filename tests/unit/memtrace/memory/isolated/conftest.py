"""The toy system, in this process and in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.memory import MemorySystem
from memtrace.memory.types import BrokenMemoryError
from memtrace.testing.toy_packaged import ToyConfig

Make = Callable[..., MemorySystem]


@dataclass
class Hashing:
    """Configuration of an embedder."""

    def build(self) -> HashEmbedder:
        return HashEmbedder()


def read(request: ChatRequest) -> str:
    """Facts are sentences; the answer is the last line of the context."""
    text = request.messages[-1].content
    if text.startswith("FACTS"):
        return "\n".join(text.partition("\n")[2].split(". "))
    return (text.partition("Question:")[0].strip().splitlines() or ["nothing"])[-1]


MODEL = ScriptedModel(read)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def make() -> Iterator[Make]:
    """Builds a memory: `make("always", extracts=True, model=..., scope=...)`."""
    made: list[MemorySystem] = []
    factories: dict[str, Any] = {}

    def build(
        isolation: str = "always", *, model: Any = None, scope: str = "toy/1", **settings: Any
    ) -> MemorySystem:
        model = model or MODEL
        key = f"{isolation} {id(model)} {settings}"
        if key not in factories:
            config = ToyConfig(isolation=isolation, embed=Hashing(), **settings)
            factories[key] = config.build(model)
        made.append(factories[key](scope))
        return made[-1]

    yield build
    for memory in made:
        with suppress(BrokenMemoryError):
            memory.close()


def sessions() -> list[Session]:
    said = [
        ("s1", "Ana", "Ana likes ünïcode tea ☃. Bo runs. Half a pair: \ud800"),
        ("s1", "Bo", "I run every day."),
        ("s2", "Ana", "Ana likes coffee now. forget bo"),
    ]
    return [
        Session(
            id=name,
            time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (session, speaker, text) in enumerate(said)
                if session == name
            ),
        )
        for day, name in enumerate(("s1", "s2"), 1)
    ]


def story(path: Path) -> list[Any]:
    """A trace without ids and times: what was done, where, from what, with what result."""
    with memtrace.open(path) as trace:
        operations = list(trace.operations())
        order = {operation.id: number for number, operation in enumerate(operations)}
        return [
            (
                operation.name, operation.kind, operation.metadata,
                order.get(operation.parent or ""), dict(operation.parameters),
                operation.error and (operation.error.type, operation.error.message),
                {role: list(map(trace.value, ids)) for role, ids in operation.inputs.items()},
                {role: list(map(trace.value, ids)) for role, ids in operation.outputs.items()},
            )
            for operation in operations
        ]  # fmt: skip
