"""`rollouts.jsonl` of a TRL run: every training response with what its tokens got.

Only the main process writes. A run that goes on from a checkpoint drops what was written after
it, so the file holds each step once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import TrainerCallback

from rtt.records import RolloutRecord, read_rollouts, write_rollouts
from rtt.train.trl.reward import ScoredRow

__all__ = ["RolloutFile", "row_records"]


class RolloutFile(TrainerCallback):  # type: ignore[misc]
    """Appends records to a file; as a callback, it tidies the file when training begins.

    Args:
        path: Where; folders are made.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Training begins, or goes on after `state.global_step` steps."""
        if state.is_world_process_zero:
            self.keep(state.global_step)

    def keep(self, step: int) -> None:
        """Drop records of later steps than `step`: those steps are taken again."""
        if not self.path.exists():
            return
        kept = [record for record in read_rollouts(self.path) if record.step <= step]
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        write_rollouts(part, kept)
        os.replace(part, self.path)

    def add(self, records: Sequence[RolloutRecord]) -> None:
        """Append records."""
        write_rollouts(self.path, records)


def row_records(
    rows: Sequence[ScoredRow],
    advantage_BT: Tensor,
    logprob_BT: Tensor | None,
    *,
    first: int,
    group_size: int,
    step: int,
    label: str,
) -> list[RolloutRecord]:
    """Records of local rows.

    Args:
        rows: Scored rows.
        advantage_BT: What they are trained with.
        logprob_BT: Log-probabilities under the sampling policy; None: not measured (NaN).
        first: Number of the first row in the batch of all processes.
        group_size: G.
        step: The optimiser step that uses them first.
        label: Name of the credit scheme.
    """
    records = []
    for place, row in enumerate(rows):
        rollout, number = row.scored.rollout, first + place
        length = len(rollout.tokens)
        if logprob_BT is not None:
            rollout = replace(rollout, logprobs=tuple(logprob_BT[place, :length].tolist()))
        records.append(
            RolloutRecord(
                step=step,
                group=number // group_size,
                sample=number % group_size,
                prompt=row.prompt,
                scored=replace(row.scored, rollout=rollout),
                advantage=tuple(advantage_BT[place, :length].tolist()),
                label=label,
            )
        )
    return records
