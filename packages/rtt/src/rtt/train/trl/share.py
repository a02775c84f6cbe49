"""What each process of a TRL run does by itself, a row a step, as a callback of the Trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from rtt.train.ranks import RankBook
from rtt.train.trl.clock import PHASES

__all__ = ["ShareRows"]


class ShareRows(TrainerCallback):  # type: ignore[misc]
    """Writes `metrics-rank<number>.jsonl` if there are several processes.

    Args:
        trainer: An `RTTTrainer`; its `share` says what was sampled here.
        folder: Of the run, the same on all processes.
    """

    def __init__(self, trainer: Any, folder: Path) -> None:
        accelerator = trainer.accelerator
        self._trainer = trainer
        self._book = RankBook(folder, accelerator.process_index, accelerator.num_processes)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        """A step was logged, on every process with its own seconds."""
        if not logs or "loss" not in logs:
            return
        seconds = {name: logs.get(f"rtt/{name}", 0.0) for name in (*PHASES, "update_s")}
        share, self._trainer.share = self._trainer.share, {}  # a step may go on with old rollouts
        self._book.add({"step": state.global_step, **share, **seconds})
