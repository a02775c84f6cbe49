"""What every process of a run measured by itself, so that a slow or failing one can be seen.

    metrics-rank0.jsonl, metrics-rank1.jsonl, ...     one row a step or batch of that process

A process alone writes none: `metrics.jsonl` says it all. How rows merge: tokens, responses and
verdicts that failed are summed; seconds add up over the rows of a process and are compared between
processes (mean and maximum: the others wait for the slowest); memory is a maximum.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lmcommon.runlog import Run, write_lines
from rtt.types import ScoredGroup

__all__ = ["RankBook", "failed_verdicts", "keep_rank_rows", "peak_memory", "read_ranks"]

_NAME = re.compile(r"metrics-rank(\d+)\.jsonl")


class RankBook:
    """Where one process of several writes its rows; a process alone writes nothing.

    Args:
        folder: Of the run; None: nothing is written.
        rank: Of this process.
        world: Number of processes.

    Example:
        `RankBook(folder, 1, 2).add({"step": 3, "rollout_s": 0.2, "tokens": 512})`
    """

    def __init__(self, folder: Path | None, rank: int, world: int) -> None:
        self.rank = rank
        self._run = Run(folder) if folder is not None and world > 1 else None

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row, with the memory this process has used at most."""
        if self._run is not None:
            self._run.append(f"metrics-rank{self.rank}", {**row, **peak_memory()})


def read_ranks(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """The rows of each process, by rank; {} for a run of one process."""
    run = Run(folder) if any(folder.glob("metrics-rank*.jsonl")) else None
    return {} if run is None else {rank: run.read(path.stem) for rank, path in _files(folder)}


def keep_rank_rows(folder: Path, keeps: Callable[[Mapping[str, Any]], bool]) -> None:
    """Drop rows of every process: what stands behind them is done again."""
    for _, path in _files(folder):
        write_lines(path, [row for row in Run(folder).read(path.stem) if keeps(row)])


def peak_memory() -> dict[str, float]:
    """MiB that this process has held at most, in main memory and on its GPU if it has one."""
    told: dict[str, float] = {}
    if sys.platform != "win32":
        import resource

        unit = 2**20 if sys.platform == "darwin" else 2**10
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        told["peak_memory_mib"] = round(peak / unit, 1)
    if torch.cuda.is_available():
        told["peak_gpu_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return told


def failed_verdicts(groups: Sequence[ScoredGroup]) -> int:
    """Criteria without a verdict."""
    return sum(
        not verdict.is_scored
        for group in groups
        for sample in group.samples
        for verdict in sample.verdicts
    )


def _files(folder: Path) -> list[tuple[int, Path]]:
    found = [
        (int(match[1]), path)
        for path in folder.glob("metrics-rank*.jsonl")
        if (match := _NAME.fullmatch(path.name))
    ]
    return sorted(found)
