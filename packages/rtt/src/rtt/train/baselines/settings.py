"""Settings of the baselines, as `conf/baseline/` chooses them; the defaults are the paper's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError

__all__ = ["Baseline", "DpoBaseline", "SftBaseline"]


@dataclass(kw_only=True)
class Baseline:
    """What both baselines can be told."""

    epochs: float = 4.0
    """Times through the data."""
    steps: int | None = None
    """Optimiser steps in place of epochs; null: by epochs."""
    rows_at_once: int = 4
    """Examples (pairs) in one forward pass of a process."""
    accumulation: int = 64
    """Forward passes an optimiser step."""
    learning_rate: float = 1e-6
    """Constant, after the warm-up."""
    warmup: int = 10
    """Optimiser steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    """Largest norm of the gradient."""
    max_tokens: int = 2048
    """Longest prompt + response; what is longer is cut at the end."""
    eval_every: int = 10
    heldout: int = 32
    """Held-out prompts at most; 0: no evaluation, which is all that sharded weights can do."""
    eval_samples: int = 1
    """Samples a held-out prompt, at temperature 1; the last evaluation takes four times as many."""
    checkpoint_every: int = 10
    options: dict[str, Any] = field(default_factory=dict)
    """Further fields of TRL's configuration, such as report_to."""

    def __post_init__(self) -> None:
        for key in ("rows_at_once", "accumulation", "max_tokens", "eval_every", "eval_samples",
                    "checkpoint_every", "steps"):  # fmt: skip
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"baseline.{key}: expected a whole number above 0; got {value!r}")
        for key in ("epochs", "learning_rate", "grad_clip"):
            if not getattr(self, key) > 0:
                raise UserError(
                    f"baseline.{key}: expected a number above 0; got {getattr(self, key)!r}"
                )
        for key in ("warmup", "weight_decay", "heldout"):
            if getattr(self, key) < 0:
                raise UserError(f"baseline.{key}: expected 0 or more; got {getattr(self, key)!r}")

    def arguments(self) -> dict[str, Any]:
        """The settings in TRL's words."""
        return {
            "num_train_epochs": self.epochs, "max_steps": self.steps or -1,
            "per_device_train_batch_size": self.rows_at_once,
            "gradient_accumulation_steps": self.accumulation,
            "learning_rate": self.learning_rate, "weight_decay": self.weight_decay,
            "lr_scheduler_type": "constant_with_warmup" if self.warmup else "constant",
            "warmup_steps": self.warmup, "max_grad_norm": self.grad_clip,
            "max_length": self.max_tokens,
            "save_strategy": "steps", "save_steps": self.checkpoint_every, "save_total_limit": 2,
            "logging_steps": 1, "report_to": [], "disable_tqdm": True,
            "ddp_find_unused_parameters": False,
            **self.options,
        }  # fmt: skip

    def _choose_accept(self, value: str, options: tuple[str, ...]) -> None:
        if value not in options:
            raise UserError(f"baseline.accept: expected one of {', '.join(options)}; got {value!r}")


@dataclass(kw_only=True)
class SftBaseline(Baseline):
    """Supervised fine-tuning on recorded responses.

    Example:
        `SftBaseline(accept="all")` on a stronger model's responses is the paper's.
    """

    accept: str = "satisfied"
    """satisfied: responses that satisfy every criterion; all: every response, judged or not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._choose_accept(self.accept, ("satisfied", "all"))


@dataclass(kw_only=True)
class DpoBaseline(Baseline):
    """Direct preference optimisation on pairs of recorded responses.

    Example:
        `DpoBaseline(accept="all")` with a stronger model's responses as chosen and a weaker one's
        as rejected is the paper's.
    """

    rows_at_once: int = 2
    accumulation: int = 128
    beta: float = 0.1
    """Strength of the pull towards the first policy."""
    pairs: int = 1
    """Most pairs of a prompt."""
    accept: str = "better"
    """better: the chosen response satisfies more criteria than the rejected one; all: whatever the
    verdicts, with rejected=FILE."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._choose_accept(self.accept, ("better", "all"))
        if self.pairs < 1:
            raise UserError(f"baseline.pairs: expected a whole number above 0; got {self.pairs!r}")
        if not self.beta > 0:
            raise UserError(f"baseline.beta: expected a number above 0; got {self.beta!r}")

    def arguments(self) -> dict[str, Any]:
        """The settings in TRL's words."""
        return {"beta": self.beta, **super().arguments()}
