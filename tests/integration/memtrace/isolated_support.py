"""What the real packages are asked in the tests of isolation. Runs without pytest, inside the
environments of users too.
"""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.data.types import Session, Turn
from lmcommon.embed.config import HashEmbedConfig
from memtrace.memory import Query
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.testing import RuleModel

SAID = (
    ("s1", "Ana", "I moved to Lisbon for a new job. I work as a nurse."),
    ("s1", "Bo", "The name of my dog is Pickle."),
    ("s2", "Ana", "I moved to Porto for a new job ☃. The weather is fine today."),
    ("s2", "Bo", "The name of my dog is no longer Pickle."),
)
QUERY = Query("Where did Ana move for a new job?", id="q1")


def model_of(name: str) -> RuleModel:
    """Rules that read the prompts of a system."""
    family = name.removesuffix("_classic")
    module = import_module(f"memtrace.testing.rules_{family}")
    return RuleModel(getattr(module, f"{family}_rules")())


def build(name: str, isolation: str = "always") -> Any:
    config = MEMORY_SCHEMAS[name](embed=HashEmbedConfig(), isolation=isolation)
    return config.build(model_of(name))


def sessions() -> list[Session]:
    return [
        Session(
            id=name, time=datetime(2024, 1, day),
            turns=tuple(
                Turn(id=f"{name}:{place}", speaker=speaker, text=text)
                for place, (session, speaker, text) in enumerate(SAID) if session == name
            ),
        )
        for day, name in enumerate(("s1", "s2"), 1)
    ]  # fmt: skip


def record(name: str, path: str | Path, *, isolation: str = "always") -> None:
    with memtrace.record(path, processes=True):
        memory = build(name, isolation)("memory/c1")
        for session in sessions():
            memory.add(session)
        memory.answer([QUERY])
        memory.search(Query("Which dog?"))
        memory.close()
