"""What a stage writes into the metadata by hand is what it says in `metadata`, cleaned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import memtrace
from memtrace.execution.places import Scope, within
from memtrace.execution.stage import Stage

SECRET = "sk-abcdefghijkl1234567890"


def written(path: Path, key: str, scope: str = "toy", **options: Any) -> dict[str, Any]:
    """The metadata of the one operation of a trace."""
    redact = options.pop("redact", None)
    with (
        memtrace.record(path, redact=redact),
        within(key, scope=Scope(scope)),
        Stage("find", **options) as op,
    ):
        op.note("later", {"n": 1})
    with memtrace.open(path) as trace:
        (operation,) = trace.operations()
        return dict(operation.metadata)


def test_place_points_and_notes(tmp_path: Path) -> None:
    found = written(
        tmp_path / "t.db", 'add "\u00e9" 1', points=("hits", "reply"), metadata={"a": 1}
    )
    assert found == {
        "a": 1, "place": ["toy", 'add "\u00e9" 1/find#0'], "points": ["hits", "reply"],
        "later": {"n": 1},
    }  # fmt: skip


def test_no_points(tmp_path: Path) -> None:
    assert "points" not in written(tmp_path / "t.db", "add 1")


def test_secrets_are_masked(tmp_path: Path) -> None:
    found = written(tmp_path / "t.db", f"add {SECRET}", scope=f"toy/{SECRET}")
    assert found["place"] == ["toy/[secret]", "add [secret]/find#0"]


def test_the_hook_sees_the_place(tmp_path: Path) -> None:
    found = written(
        tmp_path / "t.db", "add Ana", points=("hits",), redact=lambda text: text.replace("Ana", "A")
    )
    assert found == {"place": ["toy", "add A/find#0"], "points": ["hits"], "later": {"n": 1}}
