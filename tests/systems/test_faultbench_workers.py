"""FaultBench on systems that run in processes of their own: every kind they have a place for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memtrace.faultbench.building import Bench
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.source import FaultBenchSource
from memtrace.faultbench.types import Recipe
from memtrace.faultbench.verifying import verified
from memtrace.memory.isolated.environments import environment
from memtrace.memory.isolated.preparing import prepared
from memtrace.replaying.identity import first_mismatch

CASES = [
    ("mem0", ("hallucinate",)), ("mem0", ("store_prompt_text",)), ("mem0", ("ignore_new_fact",)),
    ("mem0", ("wrong_scope",)), ("mem0", ("drop_fact", "filter_bug")),
    ("mem0_classic", ("delete_on_contradiction",)), ("mem0_classic", ("overwrite_with_old",)),
    ("mem0_classic", ("hallucinate", "context_cut")), ("mem0_classic", ("benign_rewording",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    plugins = installed()
    made = Bench(plugins.model("simulated"), plugins, keep=6)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(("pipeline", "kinds"), CASES)
def test_a_case_holds_and_its_replay_is_the_same(
    bench: Bench, pipeline: str, kinds: tuple[str, ...]
) -> None:
    if prepared(environment(pipeline)) is None:
        pytest.skip(f"the environment of {pipeline} is not prepared; see memtrace-systems")
    refused = []
    for seed in range(3):
        recipe = Recipe(id="r", pipeline=pipeline, seed=seed, kinds=kinds)
        done = verified(bench, recipe)
        refused.append(done.refusals)
        if done.holds:
            break
    else:
        pytest.fail(f"{pipeline} {kinds}: {refused}")
    source = FaultBenchSource([done.recipe])
    with source.load(source.refs()[0]) as case:
        assert case.label is not None
        assert len(case.label.operations) == (0 if case.label.is_control else len(kinds))
        assert case.laboratory is not None
        with case.laboratory.run(questions={str(case.question_id)}) as factual:
            assert factual.calls == 0
            assert first_mismatch(case.reader.trace, factual.trace) is None
    source.close()
