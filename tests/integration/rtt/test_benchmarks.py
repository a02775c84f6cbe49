"""Every benchmark that a judge decides, on its real rows, with verdicts from a fixed judge."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data.registry import load_prompts
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.program import HybridJudge
from lmcommon.judge.types import Verdict
from rtt.engine.given import cut_words, given_rollout
from rtt.evaluate import BENCHMARKS, Results, items_of, results_of
from rtt.records import records_of
from rtt.train.scoring import Scorer
from rtt.types import Group
from rtt.verdicts import JudgedVerdicts

FILES = {
    "advancedif": "advancedif/sample_data.jsonl",
    "infobench": "infobench/gpt4_outputs_and_verdicts.jsonl.gz",
    "followbench": "followbench",
    "healthbench": "healthbench/healthbench_500.jsonl.gz",
    "writingbench": "writingbench/benchmark_en100.jsonl.gz",
}


class Hashed:
    """Says yes to three statements in four, by a hash; grades likewise; answers no in one in 50."""

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"kind": "hashed"}

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        return [self._one(item) for item in items]

    def _one(self, item: JudgeItem) -> Verdict:
        number = zlib.crc32(f"{item.prompt}{item.criterion.text}".encode())
        if number % 50 == 0:
            return Verdict.unscored("no reply")
        if item.criterion.scale is None:
            return Verdict(satisfied=number % 4 > 0)
        grade = float(1 + number % 10)
        return Verdict(satisfied=grade >= (item.criterion.pass_mark or 0), score=grade)


def judged(shared_data: Path, name: str) -> Results:
    prompts = load_prompts(name, shared_data / FILES[name])
    groups = [
        Group(prompt=one, rollouts=(given_rollout(one.id, "An answer.", cut_words),))
        for one in prompts
    ]
    hashed = Hashed()
    scorer = Scorer(verdicts=JudgedVerdicts(HybridJudge(hashed, graded=hashed)))
    return results_of(BENCHMARKS[name], items_of(records_of(scorer.score(groups))))


@pytest.mark.parametrize("name", FILES)
def test_every_column_has_a_value_inside_its_interval(shared_data: Path, name: str) -> None:
    if not (shared_data / FILES[name]).exists():
        pytest.skip(f"{FILES[name]} is not there")
    got = judged(shared_data, name)
    for column, rate in got.columns.items():
        assert rate is not None, column
        assert rate.interval[0] <= rate.value <= rate.interval[1], (column, rate)
        assert rate.worst <= rate.value <= rate.best, (column, rate)
        assert rate.unscored > 0, "one verdict in fifty is missing"
    assert set(got.unscored) == {"no reply"}
    assert set(got.parts) == set(BENCHMARKS[name].cuts)
    assert all(parts for parts in got.parts.values()), "the reader gives what prompts are cut by"


def test_harder_levels_ask_for_more(shared_data: Path) -> None:
    levels = judged(shared_data, "followbench").parts["level"]
    assert [*levels] == [f"level {n}" for n in range(1, 6)]
    hard = [columns["hsr"].value for columns in levels.values() if columns["hsr"]]
    assert hard == sorted(hard, reverse=True)
