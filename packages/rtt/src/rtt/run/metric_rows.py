"""The optimiser steps of rtt-baseline as rows: a callback of transformers' trainer.

A module of its own: `transformers.TrainerCallback` imports peft and more, which takes seconds that
`rtt-baseline --help` need not wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from lmcommon.app import Run
from rtt.train.heldout import Heldout

__all__ = ["MetricRows"]


class MetricRows(TrainerCallback):  # type: ignore[misc]
    """Writes each optimiser step as a row of `metrics.jsonl`, evaluations among them.

    Args:
        run: Where; only the process that keeps it writes.
        heldout: What is evaluated.
        every: Steps from one evaluation to the next; the last step is always evaluated.
    """

    def __init__(self, run: Run, heldout: Heldout, *, every: int) -> None:
        self._run, self._heldout, self._every = run, heldout, every
        self._tokens = 0.0

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        """A step was logged."""
        if not self._run.is_kept or not logs or "loss" not in logs:
            return
        step, row = state.global_step, dict(logs)
        if "num_tokens" in row:  # TRL's is a running total, which a resumed run starts anew
            total = row.pop("num_tokens")
            row["tokens"], self._tokens = total - self._tokens, total
        if step % self._every == 0 or step == state.max_steps:
            row |= self._heldout.row(step)
        self._run.metrics({"step": step, **row})
        self._run.console.print(f"step {step}/{state.max_steps}: loss {row['loss']:.4f}")
