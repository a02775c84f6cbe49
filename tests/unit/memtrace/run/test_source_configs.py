"""The option group `source`, and the simulated model as the model of attribution."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from lmcommon.runlog import Run
from memtrace.attribution.taxonomy import ErrorType
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.faultbench.recipes import write_recipes
from memtrace.faultbench.types import Recipe
from memtrace.run.attributing.plan import Plan
from memtrace.run.attributing.sources import SOURCE_SCHEMAS, FaultBenchSourceConfig
from memtrace.run.attributing.working import attribute_all

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from attributing_support import ToySource


@pytest.fixture
def recipes(tmp_path: Path) -> str:
    path = tmp_path / "recipes.jsonl"
    write_recipes(path, [
        Recipe(id="a", pipeline="rag_bm25", seed=1, kinds=("topk_cut",), split="dev"),
        Recipe(id="b", pipeline="mem0", seed=1, kinds=("drop_fact", "topk_cut"), split="dev"),
        Recipe(id="c", pipeline="mem0", seed=1_000_001, kinds=("drop_fact",), split="report"),
    ])  # fmt: skip
    return str(path)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [({}, "abc"), ({"split": "dev"}, "ab"), ({"pipelines": ["mem0"]}, "bc"),
     ({"kinds": ["topk_cut"]}, "ab"), ({"split": "dev", "pipelines": ["mem0"]}, "b")],
)  # fmt: skip
def test_a_part_of_a_set_can_be_asked_for(recipes: str, asked: dict[str, Any], kept: str) -> None:
    source = FaultBenchSourceConfig(path=recipes, **asked).build()
    assert "".join(sorted(ref.id for ref in source.refs())) == kept


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"pipelines": ["nothing"]}, r"source\.pipelines: expected some of mem0, rag_bm25"),
        ({"kinds": ["nothing"]}, r"source\.kinds: expected some of drop_fact, topk_cut"),
        ({"split": "test"}, r"source\.split: expected some of dev, report"),
        ({"split": "report", "pipelines": ["rag_bm25"]}, "none of"),
        ({"model": "oracle"}, "oracle"),
    ],
)
def test_what_is_not_there_is_told(recipes: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        FaultBenchSourceConfig(path=recipes, **asked).build()


def test_the_folder_that_holds_the_recipes_will_do(recipes: str) -> None:
    source = FaultBenchSourceConfig(path=str(Path(recipes).parent)).build()
    assert len(source.refs()) == 3


def test_a_file_that_ends_too_early_is_told(tmp_path: Path, recipes: str) -> None:
    packed = gzip.compress(Path(recipes).read_bytes())
    (tmp_path / "half.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match=r"recipes: expected .*half\.jsonl\.gz"):
        FaultBenchSourceConfig(path=str(tmp_path / "half.jsonl.gz")).build()


@pytest.mark.parametrize("name", sorted(SOURCE_SCHEMAS.keys() - {"faultbench"}))
def test_a_path_must_be_given(name: str) -> None:
    with pytest.raises(UserError, match=r"source\.path: expected"):
        SOURCE_SCHEMAS[name]().build()


@pytest.mark.parametrize("method", ["tracing", "whole_trace", "flat_log"])
def test_the_simulated_model_answers_what_methods_ask(tmp_path: Path, method: str) -> None:
    plan = Plan(
        source=ToySource(("lost",)), methods={method: (method,)}, llm=SimulatedConfig(),
    )  # fmt: skip
    tried = next(attribute_all(Run(tmp_path), plan, plan.source.refs()))
    assert tried.outcome.failure is None
    assert tried.outcome.error_types[0] in tuple(ErrorType)
    assert tried.transcript, "every call of the attribution's own is kept"
    assert tried.outcome.cost["model_calls"] == len(tried.transcript)
