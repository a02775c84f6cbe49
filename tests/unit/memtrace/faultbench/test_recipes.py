"""Recipes: files, plans, and that everything follows from the seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memtrace
from lmcommon.errors import UserError
from memtrace.faultbench.building import Bench
from memtrace.faultbench.drawing import NoDrawError
from memtrace.faultbench.planning import Plan, filled, planned
from memtrace.faultbench.plugins import Plugins
from memtrace.faultbench.recipes import FIRST_SEEDS, HELD_OUT, read_recipes, write_recipes
from memtrace.faultbench.types import Recipe
from memtrace.faultbench.verifying import verified
from memtrace.replaying.identity import first_mismatch

RECIPE = Recipe(id="r1", pipeline="rag_bm25", seed=5, kinds=("filter_bug", "context_cut"))


def plan(cases: int, plugins: Plugins, **more: object) -> Plan:
    return replace(
        Plan(
            cases=cases, pipelines=("long_context", "rag_bm25"),
            kinds=tuple(set(plugins.kinds) - HELD_OUT), controls=tuple(plugins.controls),
        ),
        **more,
    )  # fmt: skip


@given(st.lists(st.builds(
    Recipe, id=st.text(), pipeline=st.text(), seed=st.integers(0), size=st.text(),
    kinds=st.lists(st.text(), max_size=3).map(tuple), tries=st.integers(0),
    split=st.sampled_from(("dev", "report", "held_out")), category=st.text(),
)))  # fmt: skip
def test_recipes_come_back_from_their_rows(recipes: list[Recipe]) -> None:
    assert [Recipe.from_dict(one.to_dict()) for one in recipes] == recipes


@pytest.mark.parametrize("name", ["set.jsonl", "set.jsonl.gz"])
def test_a_file_gives_its_recipes_back(tmp_path: Path, name: str) -> None:
    recipes = [RECIPE, replace(RECIPE, id="r2", split="dev")]
    write_recipes(tmp_path / name, recipes)
    before = (tmp_path / name).read_bytes()
    assert read_recipes(tmp_path / name) == recipes
    assert read_recipes(tmp_path / name, split="dev") == recipes[1:]
    write_recipes(tmp_path / name, recipes)
    assert (tmp_path / name).read_bytes() == before


def test_what_is_no_recipe_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(UserError, match="line 1: expected a recipe"):
        read_recipes(tmp_path / "set.jsonl")
    with pytest.raises(UserError, match="expected one of faultbench-v1"):
        read_recipes(tmp_path / "none.jsonl")


def test_a_plan_has_the_shares_that_were_asked_for(plugins: Plugins) -> None:
    batches = planned(plan(200, plugins))
    sorts = Counter(sort for batch in batches for sort in batch.sorts)
    assert sorts == {"single": 110, "double": 38, "triple": 12, "control": 40}
    assert {batch.pipeline for batch in batches} == {"long_context", "rag_bm25"}
    assert {batch.size for batch in batches} == {"tiny", "small"}
    assert len({batch.seed for batch in batches}) == len(batches)


def test_splits_have_seeds_of_their_own(plugins: Plugins) -> None:
    seeds = {
        split: {batch.seed for batch in planned(plan(100, plugins, split=split, seed=seed))}
        for split in FIRST_SEEDS for seed in (0, 99)
    }  # fmt: skip
    assert not seeds["dev"] & seeds["report"] | seeds["report"] & seeds["held_out"]
    assert max(seeds["dev"]) < FIRST_SEEDS["report"] <= min(seeds["report"])
    assert max(seeds["report"]) < FIRST_SEEDS["held_out"] <= min(seeds["held_out"])


def test_a_batch_is_filled_with_verified_cases_and_always_the_same(bench: Bench) -> None:
    batch = planned(plan(8, bench.plugins, per_history=8))[0]
    once, again = list(filled(bench, batch)), list(filled(bench, batch))
    assert once == again
    assert sum(one.holds for one in once) >= 7, [one.refusals for one in once]
    assert len({one.recipe.kinds for one in once}) == len(once)


def test_a_recipe_gives_the_same_run_again(plugins: Plugins, tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        bench = Bench(plugins.model("simulated"), plugins)
        done = verified(bench, RECIPE)
        assert done.holds, done.refusals
        drawn = bench.draw(done.recipe)
        paths.append(tmp_path / f"{number}.db")
        bench.record(paths[-1], done.recipe, drawn.question, defects=drawn.defects)
        bench.close()
    with memtrace.open(paths[0]) as one, memtrace.open(paths[1]) as other:
        assert first_mismatch(one, other) is None


def test_several_faults_are_all_needed(bench: Bench) -> None:
    done = verified(bench, RECIPE)
    assert done.holds, done.refusals
    drawn = bench.draw(done.recipe)
    assert [fault.kind for fault in drawn.faults] == ["filter_bug", "context_cut"]
    for left in drawn.faults:
        trial = bench.tried(done.recipe, drawn.question, defects=[left.defect])
        assert trial.episode.verdict.satisfied is False, left.kind
    assert bench.tried(done.recipe, drawn.question).episode.verdict.satisfied is True


def test_what_has_no_place_makes_no_case(bench: Bench) -> None:
    recipe = replace(RECIPE, kinds=("trim_window",))
    with pytest.raises(NoDrawError, match="no question with a place for trim_window"):
        bench.draw(recipe)
    assert verified(bench, recipe).refusals == ("no place",)


def test_unknown_words_are_refused_with_those_that_are_known(bench: Bench) -> None:
    with pytest.raises(UserError, match="fault kind: expected one of drop_fact"):
        bench.draw(replace(RECIPE, kinds=("nonsense",)))
    with pytest.raises(UserError, match="pipeline: expected one of long_context"):
        bench.clean(replace(RECIPE, pipeline="nonsense"))
    with pytest.raises(UserError, match="size: expected one of tiny"):
        bench.clean(replace(RECIPE, size="nonsense"))


def test_the_shipped_set_is_kept_apart_by_kinds_and_seeds() -> None:
    recipes = read_recipes("faultbench-v1")
    assert len({one.id for one in recipes}) == len(recipes)
    for one in recipes:
        first = FIRST_SEEDS[one.split]
        assert first <= one.seed < first + 1_000_000, one
        held_out = HELD_OUT.intersection(one.kinds)
        assert not held_out if one.split != "held_out" else len(held_out) in (0, len(one.kinds)), (
            one
        )
