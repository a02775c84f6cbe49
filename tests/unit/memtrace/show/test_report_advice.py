"""Advice: each rule fires where it is stated to, names its cases, and promises nothing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from memtrace.attribution.types import Verdict
from memtrace.show.reporting.recommending import advise
from memtrace.show.reporting.rules import RULES
from memtrace.show.reporting.types import Asked, Lost

sys.path.insert(0, str(Path(__file__).parent))

from reporting_support import asked, wrong

MEMORY: dict[str, dict[str, Any]] = {
    "retrieval by a model": {"kind": "rewrite", "operation": "rewrite", "prompt": "rewrite"},
    "not retrieved": {"settings": {"top_k": 5}},
    "cut from the context": {"loss": "retrieved but cut from the context", "kind": "context",
                             "settings": {"context_tokens": 64}},
    "trimmed": {"loss": "trimmed", "error_type": "update", "settings": {"budget_tokens": 300}},
    "extraction": {"loss": "never written", "error_type": "extraction", "prompt": "facts"},
    "update": {"loss": "overwritten", "error_type": "update", "prompt": "decide"},
    "deletion": {"loss": "deleted", "error_type": "deletion"},
    "retrieval": {"loss": "in the context but distorted", "kind": "context",
                  "settings": {"context_tokens": 64}},
    "response": {"loss": "in the context but unused", "error_type": "response", "prompt": "qa"},
    "should have abstained": {"loss": "not lost", "error_type": "response", "gold": None},
}  # fmt: skip
OTHER: dict[str, Asked] = {
    "judge": wrong(1, verdict=Verdict.JUDGE),
    "annotation": wrong(1, verdict=Verdict.ANNOTATION),
    "abstained": wrong(1, verdict=Verdict.ABSTAINED),
    "unscored": asked(1, state="unscored", why="timeout: no reply in 30 s"),
    "not attributed": asked(1, state="wrong", obstacle="its model call failed"),
}
SAID = {
    "retrieval by a model": "prompt of rewrite (rewrite in 1)", "not retrieved": "(now 5)",
    "cut from the context": "(now 64)", "trimmed": "(now 300)",
    "extraction": "memtrace-optimize", "update": "decide in 1", "deletion": "no prompt",
    "retrieval": "context_tokens (now 64)", "response": "qa in 1",
    "should have abstained": "no answer",
}  # fmt: skip


def test_every_rule_is_tried_here() -> None:
    assert {rule.name for rule in RULES} == MEMORY.keys() | OTHER.keys()


@pytest.mark.parametrize("rule", MEMORY)
def test_a_memory_error_gets_the_advice_of_its_rule(rule: str) -> None:
    case = wrong(7, proved=True, **MEMORY[rule])
    (found,) = advise([asked(1), case])
    assert (found.rule, found.cases) == (rule, (case.id,)), found
    assert SAID[rule] in found.todo
    assert found.because.startswith("1 wrong answer: ")
    is_reply = MEMORY[rule].get("error_type") == "response"
    shown = "the right reply itself was put in" if is_reply else "and the answer became right"
    assert "; in 1 " in found.because
    assert shown in found.because


@pytest.mark.parametrize("rule", OTHER)
def test_what_is_not_the_systems_gets_its_own_advice(rule: str) -> None:
    (found,) = advise([OTHER[rule]])
    assert (found.rule, found.cases) == (rule, (OTHER[rule].id,))


def test_unproved_blame_is_called_a_suspicion_and_sent_to_replay_last() -> None:
    first, last = advise([wrong(1), wrong(2)])
    assert "not proved by replay, so a suspicion" in first.because
    assert (last.rule, len(last.cases)) == ("not proved", 2)
    assert "methods=[replayed]" in last.todo


@pytest.mark.parametrize("rank", [None, 7])
def test_the_rank_is_told_where_the_trace_tells_it(rank: int | None) -> None:
    lost = Lost(value="Oslo", operation="op-9", name="retrieve", loss="x", rank=rank)
    (found, _) = advise([wrong(1, lost=(lost,), settings={"top_k": 5})])
    told = "where the traces tell, at rank (facts) 7 (1)" if rank else "do not tell at which rank"
    assert told in found.because


def test_a_rank_of_another_operation_is_not_told() -> None:
    lost = Lost(value="Oslo", operation="op-3", name="rerank", loss="x", rank=7)
    assert "do not tell" in advise([wrong(1, lost=(lost,))])[0].because


def test_a_cutoff_that_nobody_told_is_not_named() -> None:
    assert "top_k" not in advise([wrong(1)])[0].todo


def test_a_case_stands_behind_one_rule() -> None:
    cases = [wrong(n, **kind) for n, kind in enumerate(MEMORY.values())]
    found = [one for one in advise(cases) if one.rule != "not proved"]
    named = [case for one in found for case in one.cases]
    assert sorted(named) == sorted(one.id for one in cases)


def test_most_cases_come_first() -> None:
    cases = [wrong(1, operation="a"), *(wrong(n, operation="b") for n in range(2, 5))]
    assert [len(one.cases) for one in advise(cases)][:2] == [3, 1]


def test_no_advice_promises_an_effect() -> None:
    cases = [*(wrong(n, **kind) for n, kind in enumerate(MEMORY.values())), *OTHER.values()]
    for one in advise(cases):
        assert not re.search(r"\b(will|would|improve|fix(es)?|gain|solve)", one.todo), one.todo


def test_without_a_failure_there_is_no_advice() -> None:
    assert advise([asked(1), asked(2)]) == ()
