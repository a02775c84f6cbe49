"""Facts that were lost: the best rank at which one stood, where a ranking was cut."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import memtrace
from memtrace.attribution import TraceReader
from memtrace.show.reporting.losses import losses_of

sys.path.insert(0, str(Path(__file__).parent))

from reporting_support import body


@pytest.mark.parametrize(
    ("loss", "rank"), [("stored but not retrieved", 4), ("trimmed", None)], ids=["cut", "trimmed"]
)
def test_the_best_rank_counts_and_only_of_a_ranking(
    tmp_path: Path, loss: str, rank: int | None
) -> None:
    with memtrace.record(tmp_path / "t.db"), memtrace.step("retrieve", kind="retrieval") as op:
        hits = [op.output("hits", f"hit {n}", metadata={"rank": n}).id for n in (6, 4, 9)]
        unranked = op.output("hits", "another").id
    death = {"operation": "op-1", "name": "rerank", "loss": loss, "read": [*hits, unranked]}
    paths: list[dict[str, Any]] = [
        {"fact": {"value": "Oslo"}, "death": death}, {"fact": {"value": "Rome"}, "death": None},
    ]  # fmt: skip
    with memtrace.open(tmp_path / "t.db") as trace:
        (lost,) = losses_of({**body(), "paths": paths}, TraceReader(trace), None)
    assert (lost.value, lost.name, lost.rank) == ("Oslo", "rerank", rank)
    (unread,) = losses_of({**body(), "paths": paths}, None, None)
    assert unread.rank is None, "without the trace nobody knows"
