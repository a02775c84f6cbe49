"""Settings of training, and what they are called in `transformers`."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

from lmcommon.errors import UserError

__all__ = ["Adapters", "TrainSettings"]

_PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(kw_only=True)
class Adapters:
    """Low-rank adapters (needs peft): only they and the head are trained, and merged at the end."""

    rank: int = 0
    """0: none, all weights are trained."""
    alpha: int = 32
    dropout: float = 0.0
    modules: list[str] = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"])
    """Names of the linear layers that get one."""

    def __post_init__(self) -> None:
        if self.rank < 0 or not 0 <= self.dropout < 1:
            raise UserError(
                "training.lora: expected a rank of 0 or more and a dropout from 0 to below 1; got "
                f"{self.rank}, {self.dropout}"
            )
        if self.rank and not self.modules:
            raise UserError("training.lora.modules: expected names of linear layers; got none")


@dataclass(kw_only=True)
class TrainSettings:
    """How a discriminator is trained by `transformers`; the defaults suit a small one on a CPU.

    Example:
        `TrainSettings(epochs=4, batch=4, accumulation=64, learning_rate=9e-6, precision="bf16",
        balance=False, positive_weight=1.0)` is the paper's on one GPU.
    """

    epochs: float = 1.0
    """Times through the rows, if steps is not given."""
    steps: int | None = None
    """Optimiser steps in place of epochs, early rows included."""
    batch: int = 32
    """Rows in one forward pass of a process."""
    accumulation: int = 1
    """Forward passes an optimiser step."""
    learning_rate: float = 1e-3
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises from 0."""
    floor: float = 0.1
    """Share of the learning rate that the cosine ends at."""
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    precision: str = "fp32"
    """fp32; bf16 or fp16: float32 weights, computed in half precision (fp16 needs a GPU)."""
    positive_weight: float | None = 1.0
    """What a relevant token counts against another; null: by their numbers in the data."""
    balance: bool = True
    """Whether every kind of criterion is read equally often (`rtt.discriminator.order`)."""
    lora: Adapters = field(default_factory=Adapters)
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time."""
    save_every: int = 200
    """Steps between checkpoints, which a killed run goes on from."""
    eval_every: int = 200
    """Steps between measurements on validation rows; 0: none."""
    eval_rows: int = 500
    """Validation examples measured each time, at most."""
    keep_best: bool = False
    """Whether the checkpoint of the best validation F1 is kept in place of the last one; then
    save_every must be a multiple of eval_every."""
    workers: int = 0
    """Processes that prepare batches; 0: none of their own."""

    def __post_init__(self) -> None:
        for key in ("batch", "accumulation", "save_every", "steps", "eval_rows"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"training.{key}: expected a whole number above 0; got {value!r}")
        for key in ("epochs", "learning_rate", "grad_clip", "positive_weight"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise UserError(f"training.{key}: expected a number above 0; got {value!r}")
        for key in ("warmup", "floor"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(
                    f"training.{key}: expected a share from 0 to 1; got {getattr(self, key)!r}"
                )
        if min(self.weight_decay, self.eval_every, self.workers) < 0:
            raise UserError(
                "training.weight_decay, eval_every, workers: expected 0 or more; got "
                f"{self.weight_decay!r}, {self.eval_every!r}, {self.workers!r}"
            )
        if self.precision not in _PRECISIONS:
            raise UserError(
                f"training.precision: expected one of {', '.join(_PRECISIONS)}; got "
                f"{self.precision!r}"
            )
        if self.keep_best and (not self.eval_every or self.save_every % self.eval_every):
            raise UserError(
                "training.save_every: expected a multiple of eval_every with keep_best=true; got "
                f"{self.save_every} and {self.eval_every}"
            )

    def steps_for(self, rows: int, *, processes: int = 1, early: int = 0) -> int:
        """Optimiser steps of a run over so many rows, after early ones that come once."""
        if self.steps is not None:
            return self.steps
        each = self.batch * self.accumulation * processes
        return max(ceil(self.epochs * rows / each) + early // each, 1)

    def arguments(self, *, steps: int, seed: int, measures: bool) -> dict[str, Any]:
        """The settings as `transformers.TrainingArguments`.

        Args:
            steps: Optimiser steps of the whole run.
            seed: Root seed.
            measures: Whether there is something to measure on.
        """
        keeps_best = self.keep_best and measures
        return {
            "max_steps": steps,
            "per_device_train_batch_size": self.batch,
            "gradient_accumulation_steps": self.accumulation,
            "learning_rate": self.learning_rate,
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": self.floor},
            "warmup_steps": round(self.warmup * steps),
            "adam_beta1": 0.9, "adam_beta2": 0.95, "weight_decay": self.weight_decay,
            "max_grad_norm": self.grad_clip,
            "bf16": self.precision == "bf16", "fp16": self.precision == "fp16",
            "gradient_checkpointing": self.gradient_checkpointing,
            "save_strategy": "steps", "save_steps": self.save_every, "save_total_limit": 2,
            "eval_strategy": "steps" if self.eval_every and measures else "no",
            "eval_steps": self.eval_every or None,
            "load_best_model_at_end": keeps_best,
            "metric_for_best_model": "f1" if keeps_best else None,
            "greater_is_better": True if keeps_best else None,
            "logging_steps": 10, "report_to": [], "disable_tqdm": True,
            "remove_unused_columns": False, "ddp_find_unused_parameters": False,
            "dataloader_num_workers": self.workers,
            "seed": seed % 2**32,
        }  # fmt: skip
