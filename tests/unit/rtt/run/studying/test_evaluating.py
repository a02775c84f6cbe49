from __future__ import annotations

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from rtt.evaluate.answers import Answer, Item
from rtt.evaluate.benchmarks import BENCHMARKS
from rtt.run.studying.evaluating import benchmark_columns, is_percent
from rtt.run.studying.paper import paper_table
from rtt.run.studying.plan import Benchmarks


def item(name: str, *answers: tuple[bool | None, ...]) -> Item:
    """A prompt with two criteria and its answers' verdicts."""
    rubric = Rubric(tuple(Criterion(id=f"c{place}", text="t") for place in range(2)))
    return Item(
        prompt=RubricPrompt(id=name, prompt="?", rubric=rubric, source="hand"),
        answers=tuple(Answer(text="", strict=each) for each in answers),
    )


def test_a_benchmark_s_columns_hold_sums_over_samples_by_prompt() -> None:
    items = [item("b", (True, True), (True, False)), item("a", (False, False), (True, None))]
    told = benchmark_columns(BENCHMARKS["muldimif"], items)
    whole, single = told["muldimif/accuracy"], told["muldimif/instruction_strict"]
    assert (whole.prompts, whole.hits, whole.counts) == (("a", "b"), (0, 1), (1, 2))
    assert (single.hits, single.counts) == ((1, 3), (3, 4))


@pytest.mark.parametrize("name", paper_table("main").columns)
def test_the_paper_s_columns_are_those_of_a_benchmark(name: str) -> None:
    benchmark, _, figure = name.partition("/")
    assert figure in {column.name for column in BENCHMARKS[benchmark].columns}


@pytest.mark.parametrize(("column", "expected"), [
    ("heldout/prompt", True), ("ifeval/prompt_strict", True), ("healthbench/score", True),
    ("writingbench/grade", False), ("followbench/csl", False),
])  # fmt: skip
def test_only_shares_are_shown_in_percent(column: str, expected: bool) -> None:
    assert is_percent(column) is expected


def test_the_task_is_no_benchmark_of_its_own() -> None:
    with pytest.raises(UserError, match=r"evaluate.benchmarks: .*measure\.prompts"):
        Benchmarks(benchmarks=["task"])


def test_what_the_study_says_cannot_be_said_again() -> None:
    with pytest.raises(UserError, match=r"evaluate\.policy: expected nothing"):
        Benchmarks(policy="x").of_arm(seed=1)
