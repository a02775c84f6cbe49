"""Hundreds of random interventions: a replay is what a run from scratch is. The slow suite."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

BENCH = Path(__file__).resolve().parents[2] / "bench"


def bench() -> ModuleType:
    """The benchmark that reports the same figure."""
    spec = importlib.util.spec_from_file_location("replay_equality", BENCH / "replay_equality.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("system", ["long_context", "rag_bm25", "rag_hybrid"])
def test_every_replay_equals_its_run_from_scratch(system: str) -> None:
    row = bench().one_system(system, count=100, conversations=5, seed=31)
    assert row["equal"] == row["interventions"] == 100, row["failures"]
