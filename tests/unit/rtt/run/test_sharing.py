"""However often a run is killed, and by however many processes it goes on: one run comes out."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.runlog import Run
from rtt.records import RolloutRecord, read_rollouts, record_line
from rtt.records.record import Place
from rtt.run.sharing import Batch, SharedRun
from rtt.train.local.parallel import Alone
from rtt.train.ranks import RankBook
from rtt.types import Rollout, ScoredRollout

T = TypeVar("T")
SIZES = (2, 1, 3, 2, 2, 1, 2)
"""Samples of each group; two groups a batch."""


class OneOf(Alone):
    """One of several processes that are run one after the other, the first one first."""

    def __init__(self, rank: int, world: int, told: list[Any] | None = None) -> None:
        self.rank, self.world = rank, world
        self._told: list[Any] = [] if told is None else told
        self._heard = 0

    def same(self, value: T) -> T:
        if self.is_main:
            self._told.append(value)
        self._heard += 1
        same: T = self._told[self._heard - 1]
        return same


def plan() -> list[Batch[int]]:
    batches = []
    for number, first in enumerate(range(0, len(SIZES), 2)):
        items = range(first, min(first + 2, len(SIZES)))
        places: tuple[Place, ...] = tuple(
            (0, group, sample) for group in items for sample in range(SIZES[group])
        )
        batches.append(Batch(number=number, first=first, items=items, places=places))
    return batches


def made(batch: Batch[int]) -> list[RolloutRecord]:
    return [record(group, sample) for _, group, sample in batch.places]


def record(group: int, sample: int) -> RolloutRecord:
    rubric = Rubric((Criterion(id="c", text="Be kind."),))
    rollout = Rollout(
        prompt_id=f"p{group}", tokens=(1,), logprobs=(-0.5,), text=f"{group}.{sample}",
        offsets=((0, 3),),
    )  # fmt: skip
    return RolloutRecord(
        step=0, group=group, sample=sample, advantage=(),
        prompt=RubricPrompt(id=f"p{group}", prompt="Write.", rubric=rubric),
        scored=ScoredRollout(
            rollout=rollout, verdicts=(Verdict(satisfied=True),), relevance=((1.0,),)
        ),
    )  # fmt: skip


def attempt(folder: Path, world: int, budget: int, chance: random.Random) -> bool:
    """The processes of one attempt; after `budget` batches they are killed in the middle of one.

    Returns:
        Whether everything is done.
    """
    told: list[Any] = []
    ranks = [SharedRun(Run(folder), OneOf(rank, world, told)) for rank in range(world)]
    deals = [(shared, shared.begin(plan())) for shared in ranks]
    queues = []
    while any(left for _, left in deals):
        shared, left = chance.choice([deal for deal in deals if deal[1]])
        queues.append((shared, left.pop(0)))  # each in its order, but some are faster
    for shared, batch in queues[:budget]:
        shared.add(batch, made(batch), {"tokens": len(batch.places)})
    if budget >= len(queues):
        ranks[0].end()
        return True
    shared, batch = queues[budget]
    whole = "".join(record_line(record) + "\n" for record in made(batch)).encode()
    with shared._file.open("ab") as out:  # as a kill in the middle of writing leaves it
        out.write(whole[: chance.randrange(len(whole))])
    return False


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=4), st.integers(0, 99),
    st.integers(1, 3),
)  # fmt: skip
def test_kills_and_other_numbers_of_processes_change_nothing(
    attempts: list[tuple[int, int]], seed: int, last: int
) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for world, budget in attempts:
            attempt(folder, world, budget, chance)
        assert attempt(folder, last, 99, chance)
        assert list(read_rollouts(folder)) == [record for batch in plan() for record in made(batch)]
        rows = SharedRun(Run(folder), Alone()).rows()
    assert [row["batch"] for row in rows] == [0, 1, 2, 3], "each batch counts once"
    assert sum(row["tokens"] for row in rows) == sum(SIZES)


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    assert attempt(tmp_path, 2, 99, random.Random(0))
    assert SharedRun(Run(tmp_path), Alone()).begin(plan()) == []


def test_an_unfinished_batch_alone_is_done_again(tmp_path: Path) -> None:
    first = SharedRun(Run(tmp_path), Alone())
    batches = first.begin(plan())
    first.add(batches[0], made(batches[0]), {"tokens": 1})
    first.add(batches[2], made(batches[2])[:-1], {"tokens": 1})
    again = SharedRun(Run(tmp_path), OneOf(0, 2)).begin(plan())
    assert [batch.number for batch in again] == [1, 3], "1 and 3 of the 1, 2 and 3 that are left"


def test_a_run_merged_to_parquet_is_finished(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    shared = SharedRun(Run(tmp_path), Alone(), form="parquet")
    for batch in shared.begin(plan()):
        shared.add(batch, made(batch), {"tokens": 1})
    assert shared.end().name == "rollouts.parquet"
    assert SharedRun(Run(tmp_path), Alone(), form="parquet").begin(plan()) == []


def test_a_process_alone_keeps_no_book_of_ranks(tmp_path: Path) -> None:
    RankBook(tmp_path, 0, 1).add({"batch": 0})
    assert not list(tmp_path.iterdir())
