"""A run's batches over its processes: who does what, what a kill left, one file at the end.

In: batches of prompts or of recorded groups. Out: each process appends the records of its batches
to a file of its own, and the first merges them. A batch is there when all of its records are,
whoever wrote them: the rest is dealt out anew, to as many processes as there are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lmcommon.runlog import Run, write_lines
from rtt.records import RolloutRecord, merge_parts, part_file, write_rollouts
from rtt.records.parts import FILE, PARQUET, files_in, index_lines, keep_places
from rtt.records.record import Place
from rtt.train.local.parallel import Alone
from rtt.train.ranks import RankBook, keep_rank_rows, peak_memory, read_ranks

__all__ = ["Batch", "SharedRun"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[Item]):
    """What is done at once: what a kill costs a process at most.

    Example:
        `Batch(number=2, first=8, items=prompts[8:12], places=((0, 8, 0), (0, 8, 1), ...))`
    """

    number: int
    first: int
    """Number of its first group in the run."""
    items: Sequence[Item]
    places: tuple[Place, ...]
    """Of the records that it will leave."""


class SharedRun:
    """The folder of a run that one process or several fill.

    Args:
        run: This process's; the first one's folder counts.
        ranks: The processes.
        form: Of the file at the end: jsonl or parquet.
    """

    def __init__(self, run: Run, ranks: Alone, *, form: str = "jsonl") -> None:
        self.folder: Path = ranks.same(run.folder)
        self._run, self._ranks, self._form = run, ranks, form
        self._book = RankBook(self.folder, ranks.rank, ranks.world)
        self._file = part_file(self.folder, ranks.rank) if ranks.world > 1 else self.folder / FILE

    @property
    def world(self) -> int:
        """Number of processes."""
        return self._ranks.world

    @property
    def is_main(self) -> bool:
        """Whether this process merges and reports."""
        return self._ranks.is_main

    def begin(self, batches: Sequence[Batch[Item]]) -> list[Batch[Item]]:
        """The batches of this process; what a kill left of unfinished ones is dropped first."""
        done = self._ranks.same(self._tidy(batches) if self.is_main else set())
        left = [batch for batch in batches if batch.number not in done]
        return left[self._ranks.rank :: self._ranks.world]

    def add(
        self, batch: Batch[Any], records: Sequence[RolloutRecord], row: Mapping[str, Any]
    ) -> None:
        """Write down what a batch came to."""
        row = {"batch": batch.number, "responses": len(records), **row, "processes": self.world}
        if self.world > 1:
            self._book.add(row)
        else:
            self._run.metrics({**row, **peak_memory()})
        write_rollouts(self._file, records)

    def end(self) -> Path:
        """Wait for all processes and merge what they wrote; the file that holds it."""
        self._ranks.barrier()
        name = PARQUET if self._form == "parquet" else FILE
        return merge_parts(self.folder, form=self._form) if self.is_main else self.folder / name

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all processes, by batch."""
        parts = read_ranks(self.folder).values()
        rows = [*self._run.read("metrics"), *(row for part in parts for row in part)]
        return sorted(rows, key=lambda row: row["batch"])

    def _tidy(self, batches: Iterable[Batch[Any]]) -> set[int]:
        """Keep the whole batches; their numbers."""
        files = files_in(self.folder)
        if files and files[0].name == PARQUET:  # the merge comes after everything else
            return {batch.number for batch in batches}
        there = {line.place for line in index_lines(files)}
        whole = [batch for batch in batches if there.issuperset(batch.places)]
        done, kept = {batch.number for batch in whole}, {p for one in whole for p in one.places}
        for file in files:
            keep_places(file, kept.__contains__)
        keep_rank_rows(self.folder, lambda row: row["batch"] in done)
        rows = [row for row in self._run.read("metrics") if row["batch"] in done]
        if rows or (self.folder / "metrics.jsonl").exists():
            write_lines(self.folder / "metrics.jsonl", rows)
        return done
