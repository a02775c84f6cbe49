"""The systematic analysis counts what it says it counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.attribution.types import Verdict
from memtrace.scoring.analysis import Failure, failure_of, tabulate

from .scoring_support import RETRIEVAL, outcome, said


def failure(system: str, error_type: str, operation: str, **rest: Any) -> Failure:
    return Failure(
        system=system, category=rest.pop("category", "update"), length="-", error_type=error_type,
        operation=operation, verdict=Verdict.MEMORY, **rest,
    )  # fmt: skip


FAILURES = [
    failure("rag", "retrieval", "retrieve", proved=True),
    failure("rag", "retrieval", "retrieve"),
    failure("rag", "response", "answer"),
    failure("mem0", "extraction", "extract"),
]


def test_shares_are_of_each_part() -> None:
    cells = [
        (one.part, one.error_type, one.operation, one.share.hits, one.share.trials, one.proved)
        for one in tabulate(FAILURES, ["system"])
    ]
    assert cells == [
        (("mem0",), "extraction", "extract", 1, 1, 0),
        (("rag",), "retrieval", "retrieve", 2, 3, 1),
        (("rag",), "response", "answer", 1, 3, 0),
    ]


def test_without_keys_all_failures_are_one_part() -> None:
    assert {one.share.trials for one in tabulate(FAILURES, ())} == {4}


def test_another_key_is_refused() -> None:
    with pytest.raises(ValueError, match="keys: expected some of"):
        tabulate(FAILURES, ["colour"])


@settings(deadline=None)
@given(st.lists(st.sampled_from(FAILURES), min_size=1), st.sampled_from([(), ("system",)]))
def test_every_failure_is_counted_once(failures: list[Failure], keys: tuple[str, ...]) -> None:
    assert sum(one.share.hits for one in tabulate(failures, keys)) == len(failures)


def test_a_row_of_memtrace_attribute_tells_its_part() -> None:
    row = outcome("a", None, said("op-1", types=(RETRIEVAL,)), pipeline="rag", size="tiny")
    found = failure_of(row.to_dict())
    assert found is not None
    assert (found.system, found.length, found.error_type, found.operation) == (
        "rag", "tiny", "retrieval", "op",
    )  # fmt: skip


def test_the_verdict_stands_where_no_operation_is_blamed() -> None:
    found = failure_of(outcome("a", None, said(verdict=Verdict.JUDGE)).to_dict())
    assert found is not None
    assert (found.error_type, found.operation) == ("judge error", "-")


@pytest.mark.parametrize("body", [None, said(verdict=Verdict.NO_FAILURE)])
def test_what_is_no_failure_is_left_out(body: dict[str, Any] | None) -> None:
    assert failure_of(outcome("a", None, body).to_dict()) is None
