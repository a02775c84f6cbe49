"""Knobs: near the blamed operations only, and only those that can do something."""

from __future__ import annotations

import dataclasses

import pytest

from memtrace.memory.config import LongContextConfig, RagConfig
from memtrace.memory.specs import described
from memtrace.optimizing.knobs import knobs_near

RAG = described(RagConfig(retriever="bm25", top_k=5))


def told(config: object, *operations: str) -> list[str]:
    return [one.told for one in knobs_near(described(config), operations)]


def test_retrieval_is_answered_by_more_hits_and_other_chunks() -> None:
    assert told(RagConfig(retriever="bm25"), "retrieve") == [
        "top_k 5 -> 10", "top_k 5 -> 20", "chunk_turns 3 -> 6, chunk_tokens 200 -> 400",
        "overlap_turns 1 -> 2",
    ]  # fmt: skip


def test_a_window_is_answered_by_a_larger_one() -> None:
    found = told(LongContextConfig(budget_tokens=500), "trim")
    assert found == ["budget_tokens 500 -> 1000", "budget_tokens 500 -> 2000"]


def test_a_knob_that_does_nothing_is_not_tried() -> None:
    plain = told(RagConfig(retriever="bm25"), "rerank", "retrieve")
    assert not any("rerank" in one for one in plain)
    ranked = told(RagConfig(retriever="bm25", rerank="llm"), "rerank")
    assert "rerank_candidates 20 -> 40" in ranked


def test_elsewhere_there_is_none() -> None:
    assert told(RagConfig(retriever="bm25"), "somewhere") == []
    assert list(knobs_near({}, ["retrieve"])) == []


@pytest.mark.parametrize("operation", ["retrieve", "build_context", "chunk", "answer", "trim"])
@pytest.mark.parametrize("config", [RagConfig(retriever="bm25"), LongContextConfig()])
def test_every_change_can_be_made(config: object, operation: str) -> None:
    for knob in knobs_near(described(config), [operation]):
        values = {one.name: one.value for one in knob.changes}
        assert dataclasses.replace(config, **values) != config  # type: ignore[type-var]
        assert all(values[name] != getattr(config, name) for name in values)
