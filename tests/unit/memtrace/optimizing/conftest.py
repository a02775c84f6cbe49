"""A recorded system with a spoilt prompt, shared by the tests of a session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract"))
from optimizing_support import Open, recorded, system_model

from memtrace.optimizing.evaluator import Evaluator


@pytest.fixture(scope="session")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two histories with six questions each."""
    return recorded(tmp_path_factory.mktemp("spoilt") / "t.db", conversations=2)


@pytest.fixture
def evaluator(trace: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens evaluators, and closes them."""
    made: list[Evaluator] = []

    def open_(**options: object) -> Evaluator:
        settings = {"model": system_model(), "folder": tmp_path / "loop", **options}
        made.append(Evaluator(trace, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield open_
    for one in made:
        one.close()
