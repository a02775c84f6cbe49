"""Every kind of fault: where it is planted, that it is pure, that it is why the answer fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.attribution.taxonomy import ErrorType
from memtrace.faultbench.building import Bench
from memtrace.faultbench.kinds import KINDS
from memtrace.faultbench.types import CleanRun, Fault, Observed, Recipe
from memtrace.faultbench.verifying import verified

PIPELINES = ("long_context", "rag_bm25", "rag_hybrid")
ELSEWHERE = {"delete_on_contradiction", "hallucinate", "store_prompt_text"}
"""Kinds for systems that extract facts with a model, or decide on deletions."""
SIZES = ("tiny", "small")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(("text", "item", "event", "id", "facts", "lines")), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


def clean(bench: Bench, pipeline: str, size: str = "tiny", seed: int = 3) -> CleanRun:
    return bench.clean(Recipe(id="", pipeline=pipeline, size=size, seed=seed))


def faults(bench: Bench, kind: str, each: int = 3) -> Iterator[tuple[Observed, Fault]]:
    """Some faults of a kind in every pipeline, with the point that each is planted at."""
    for pipeline in PIPELINES:
        for size in SIZES:
            run = clean(bench, pipeline, size)
            points = {(one.place, one.role): one for one in run.points}
            found = 0
            for question in run.conversation.questions:
                for place in KINDS[kind].opportunities(run, question):
                    if found == each:
                        break
                    found += 1
                    fault = KINDS[kind].plant(place, random.Random(found))
                    yield points[place.place, place.role], fault


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - ELSEWHERE))
def test_a_fault_is_pure_and_keeps_the_sort_of_value(bench: Bench, kind: str) -> None:
    seen = 0
    for point, fault in faults(bench, kind):
        before = deepcopy(point.value)
        spoilt = fault.defect.apply(point.value)
        assert point.value == before, (kind, point)
        assert spoilt == fault.defect.apply(point.value), (kind, point)
        assert type(spoilt) is type(before), (kind, point, spoilt)
        seen += 1
    assert seen, f"{kind} has no place in {PIPELINES}"


@given(value=JSON)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - ELSEWHERE))
def test_a_value_of_another_sort_is_left_alone(bench: Bench, kind: str, value: Any) -> None:
    point, fault = next(faults(bench, kind))
    if not isinstance(value, type(point.value)):
        assert fault.defect.apply(value) == value
    else:
        fault.defect.apply(value)  # a strange value of the right sort breaks nothing


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - ELSEWHERE))
def test_a_fault_alone_flips_the_answer(bench: Bench, kind: str) -> None:
    tried = []
    for size in SIZES:
        for pipeline in PIPELINES:
            recipe = Recipe(id="", pipeline=pipeline, size=size, seed=3, kinds=(kind,))
            done = verified(bench, recipe)
            tried.append((pipeline, size, done.refusals))
            if done.holds:
                return
    pytest.fail(f"{kind}: {tried}")


def test_error_types_follow_the_operation(bench: Bench) -> None:
    right = {
        "chunk": ErrorType.EXTRACTION, "append": ErrorType.UPDATE, "trim": ErrorType.UPDATE,
        "index": ErrorType.UPDATE, "rewrite": ErrorType.RETRIEVAL, "fuse": ErrorType.RETRIEVAL,
        "retrieve": ErrorType.RETRIEVAL, "rerank": ErrorType.RETRIEVAL,
        "build_context": ErrorType.RETRIEVAL, "read_window": ErrorType.RETRIEVAL,
        "answer": ErrorType.RESPONSE,
    }  # fmt: skip
    for kind in KINDS.keys() - ELSEWHERE:
        for point, fault in faults(bench, kind, each=2):
            assert fault.error_type is right[point.name], (kind, point.name)


def test_there_are_more_than_sixteen_kinds_for_every_part() -> None:
    assert len(KINDS) >= 16
    assert all(kind.name == name and kind.in_words for name, kind in KINDS.items())  # type: ignore[attr-defined]
