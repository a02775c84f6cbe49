"""FaultBench as a source of cases: what scoring and attribution may rely on."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest

from memtrace.execution.interventions import Replace
from memtrace.faultbench.building import Bench
from memtrace.faultbench.plugins import installed
from memtrace.faultbench.source import FaultBenchSource
from memtrace.faultbench.types import Recipe
from memtrace.faultbench.verifying import verified
from memtrace.replaying.identity import first_mismatch
from memtrace.scoring.types import Loaded, Source

KINDS = (
    ("drop_fact",), ("missing_entry",), ("filter_bug",), ("context_cut",), ("over_abstain",),
    ("drop_fact", "filter_bug"), ("missing_entry", "context_cut", "answer_distorted"),
    ("wrong_gold",), ("strict_judge",), ("lenient_judge",), ("no_fault",),
)  # fmt: skip


@pytest.fixture(scope="module")
def source() -> Iterator[FaultBenchSource]:
    plugins = installed()
    bench = Bench(plugins.model("simulated"), plugins)
    recipes = []
    for number, kinds in enumerate(KINDS):
        recipe = Recipe(id=f"r{number}", pipeline="rag_bm25", seed=8, size="tiny", kinds=kinds)
        done = verified(bench, recipe)
        assert done.holds, (kinds, done.refusals)
        recipes.append(done.recipe)
    bench.close()
    made = FaultBenchSource(recipes)
    yield made
    made.close()


def loaded(source: FaultBenchSource, *, controls: bool) -> Iterator[Loaded]:
    for ref in source.refs():
        with source.load(ref) as case:
            assert case.label is not None
            if case.label.is_control == controls:
                yield case


def test_it_is_a_source_that_can_be_sent_to_another_process(source: Source) -> None:
    other: FaultBenchSource = pickle.loads(pickle.dumps(source))
    try:
        assert other.refs() == source.refs()
        ref = source.refs()[0]
        with other.load(ref) as theirs, source.load(ref) as ours:
            assert first_mismatch(ours.reader.trace, theirs.reader.trace) is None
            assert theirs.label == ours.label
            assert theirs.question == ours.question
    finally:
        other.close()


def test_a_label_names_operations_of_the_trace_in_their_order(source: FaultBenchSource) -> None:
    for case in loaded(source, controls=False):
        label = case.label
        assert label is not None
        numbers = [case.reader.operation(one).seq for one in label.operations]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == len(label.error_types) == len(label.kinds), label
        assert case.question.judged is False


def test_a_control_blames_nobody(source: FaultBenchSource) -> None:
    found = {case.label.kinds for case in loaded(source, controls=True) if case.label}
    assert found == {("wrong_gold",), ("strict_judge",), ("lenient_judge",), ("no_fault",)}
    for case in loaded(source, controls=True):
        assert case.label is not None
        assert case.label.operations == ()


def test_the_laboratory_runs_the_faulty_system(source: FaultBenchSource) -> None:
    for case in loaded(source, controls=False):
        assert case.laboratory is not None
        assert case.question_id is not None
        with case.laboratory.run(questions={case.question_id}) as factual:
            assert factual.calls == 0
            assert first_mismatch(case.reader.trace, factual.trace) is None
            assert factual.episodes[-1].verdict.satisfied is False


def test_a_repair_of_every_planted_fault_flips_the_answer(source: FaultBenchSource) -> None:
    """What the clean run passed on, put back at each labelled operation, and nowhere else."""
    plugins = installed()
    bench = Bench(plugins.model("simulated"), plugins)
    recipes = {one.id: one for one in source.recipes}
    for case in loaded(source, controls=False):
        recipe = recipes[case.ref.id]
        values = {(one.place, one.role): one.value for one in bench.clean(recipe).points}
        repairs = [
            Replace(at=one.at, role=one.role, value=values[one.at, one.role])  # type: ignore[index]
            for one in bench.draw(recipe).defects
        ]  # fmt: skip
        assert case.laboratory is not None
        assert case.question_id is not None
        with case.laboratory.run(repairs, questions={case.question_id}) as repaired:
            assert repaired.episodes[-1].verdict.satisfied is True, recipe
    bench.close()


def test_an_operation_that_works_again_does_not_help_while_another_fails(
    source: FaultBenchSource,
) -> None:
    """The label is minimal: with any fault left, the others gone, the answer stays wrong."""
    plugins = installed()
    bench = Bench(plugins.model("simulated"), plugins)
    several = [one for one in source.recipes if len(one.kinds) > 1]
    assert several
    for recipe in several:
        drawn = bench.draw(recipe)
        for left in drawn.defects:
            trial = bench.tried(recipe, drawn.question, defects=[left])
            assert trial.episode.verdict.satisfied is False, (recipe, left)
    bench.close()


def test_nothing_of_the_recipe_is_in_the_trace(source: FaultBenchSource) -> None:
    """Attribution reads the trace: it must not tell what was planted, nor how it was made."""
    plugins = installed()
    words = {*plugins.kinds, *plugins.controls, "fault", "defect", "recipe", "intervened", "stale",
             "generated", "seed\": 8", "turn_id", "attribute", "oracle"}  # fmt: skip
    for controls in (False, True):
        for case in loaded(source, controls=controls):
            trace = case.reader.trace
            told = [json.dumps(dict(trace.metadata))]
            for operation in trace.operations():
                told += [
                    json.dumps(dict(operation.metadata)),
                    json.dumps(dict(operation.parameters)),
                ]
                told += [operation.name, operation.kind, operation.model or ""]
            for variable in trace.variables():
                told += [json.dumps(dict(variable.metadata)), variable.name or "", variable.kind]
                told.append(json.dumps(trace.value(variable.id), default=str))
            told.append(trace.path.read_bytes().decode("latin-1"))
            found = {word for word in words for text in told if word in text.lower()}
            assert not found, (case.ref, found)


def test_names_tell_nothing(source: FaultBenchSource) -> None:
    scopes = {case.scope for case in loaded(source, controls=False)}
    assert scopes == {"rag_bm25/c1"}


def test_files_are_gone_after_the_block(source: FaultBenchSource) -> None:
    with source.load(source.refs()[0]) as case:
        path = case.reader.trace.path
        assert path.exists()
    assert not path.parent.exists()
