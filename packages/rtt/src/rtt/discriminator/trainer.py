"""Training a discriminator with `transformers`: one CPU to many GPUs, resumable.

In: a discriminator, labelled responses, settings, a folder. Out: the discriminator trained in
place, and checkpoints in the folder, from which a killed run goes on to the same weights. The loss
is the paper's eq. 5 over all labelled tokens of an optimiser step, whatever the processes and
accumulation it is spread over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from lmcommon.errors import UserError
from lmcommon.llm.checkpoints import last_checkpoint
from rtt.discriminator.adapters import adapted, merge
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.inputs import Inputs
from rtt.discriminator.labels import IGNORED
from rtt.discriminator.measures import measure
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.objective import loss
from rtt.discriminator.order import row_order
from rtt.discriminator.processes import gather_objects
from rtt.discriminator.rows import TokenRow, asked_of, positive_weight, token_rows
from rtt.discriminator.settings import TrainSettings

__all__ = ["Trained", "last_step", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training run was. Example: 400 steps over 12,800 rows in 95 seconds."""

    steps: int
    rows: int
    """Rows of tokens there are to learn from; long responses make several."""
    positive_weight: float
    resumed_from: int
    """Step of the checkpoint that it went on from; 0: from the start."""
    train_s: float
    """Seconds of this process, since the start or the resumption."""
    best_f1: float | None
    """Highest validation F1 on the way; None: nothing was measured."""


def train(
    discriminator: TokenDiscriminator, examples: Sequence[LabelledResponse],
    settings: TrainSettings, folder: str | Path, *, first: Sequence[LabelledResponse] = (),
    validation: Sequence[LabelledResponse] = (),
    seed: int = 0, log: Callable[[Mapping[str, Any]], None] | None = None,
) -> Trained:  # fmt: skip
    """Train in place; goes on from the last whole checkpoint in `folder`, if there is one.

    Under torchrun or accelerate every process calls it with the same arguments.

    Args:
        discriminator: What is trained.
        examples: What it learns from.
        settings: Schedule, batches, precision.
        folder: Of the checkpoints; shared by all processes.
        first: Rows that come before the examples, each once (`rtt.discriminator.finding`).
        validation: What it is measured on along the way, in this order.
        seed: Of the order of the rows, and of adapters.
        log: Called in the first process with each row of figures (`step`, `loss`, `lr`, `f1`).

    Raises:
        UserError: Nothing to learn from, or weights spread over processes.
    """
    rows = [row for example in examples for row in token_rows(discriminator, example)]
    if not any(label != IGNORED for row in rows for label in row.labels):
        raise UserError("train: expected examples with at least one labelled token; got none")
    is_cpu = not torch.cuda.is_available()
    where = {"output_dir": str(folder), "use_cpu": is_cpu}
    world = transformers.TrainingArguments(**where).world_size
    early = [row for example in first for row in token_rows(discriminator, example)]
    each = settings.batch * settings.accumulation * world
    steps = settings.steps_for(len(rows), processes=world, early=len(early))
    weight = settings.positive_weight or positive_weight(rows)
    batches = min(len(early) // each, steps) * (each // settings.batch)
    ordered = _drawn(early, batches, settings, balance=False, seed=seed) + _drawn(
        rows, steps * (each // settings.batch) - batches, settings,
        balance=settings.balance, seed=seed,
    )  # fmt: skip
    model = adapted(discriminator, settings.lora, seed=seed)
    measured = validation[: settings.eval_rows]
    trainer = _Trainer(
        model, discriminator=discriminator, validation=measured,
        args=transformers.TrainingArguments(
            **where, **settings.arguments(steps=steps, seed=seed, measures=bool(measured))
        ),
        train_dataset=ordered,
        data_collator=_Collator(discriminator.inputs, weight),
        callbacks=[_Log(log)],
    )  # fmt: skip
    _refuse_sharded(trainer)
    trainer.remove_callback(transformers.PrinterCallback)
    checkpoint, resumed = last_checkpoint(folder), last_step(folder)
    begun = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    merge(discriminator, model)
    discriminator.model.eval()
    told = [row.get("eval_f1", math.nan) for row in trainer.state.log_history]
    scores = [value for value in told if not math.isnan(value)]
    return Trained(
        steps=trainer.state.global_step, rows=len(rows), positive_weight=weight,
        resumed_from=resumed,
        train_s=time.perf_counter() - begun, best_f1=max(scores, default=None),
    )  # fmt: skip


def _drawn(
    rows: Sequence[TokenRow], batches: int, settings: TrainSettings, *, balance: bool, seed: int
) -> list[TokenRow]:
    if not batches:
        return []
    order = row_order(rows, batch=settings.batch, batches=batches, balance=balance, seed=seed)
    return [rows[place] for place in order]


def last_step(folder: str | Path) -> int:
    """Step of the last whole checkpoint in a folder; 0: there is none."""
    checkpoint = last_checkpoint(folder)
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


@dataclass(frozen=True, slots=True)
class _Collator:
    """Rows to tensors, padded on the right."""

    inputs: Inputs
    positive_weight: float

    def __call__(self, rows: Sequence[TokenRow]) -> dict[str, Tensor]:
        told = self.inputs.tensors(rows)
        labels_BL = torch.full_like(told["input_ids"], IGNORED)
        for line, row in zip(labels_BL, rows, strict=True):
            line[: len(row.labels)] = torch.tensor(row.labels)
        weights_BL = torch.where(labels_BL == 1, self.positive_weight, 1.0)
        return {**told, "labels": labels_BL, "weights": weights_BL * (labels_BL != IGNORED)}


class _Trainer(transformers.Trainer):  # type: ignore[misc]
    """Rows in the order given, eq. 5 as the loss, word F1 as the measurement."""

    def __init__(
        self, model: Any, *, discriminator: TokenDiscriminator,
        validation: Sequence[LabelledResponse], **rest: Any,
    ) -> None:  # fmt: skip
        super().__init__(model, eval_dataset=list(validation) or None, **rest)
        self._discriminator, self._validation = discriminator, validation
        self.loss_is_scaled_for_ga = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor]:
        """The batches of one optimiser step, and the weight of their tokens over all processes."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        total = torch.stack([batch["weights"].sum() for batch in batches]).sum().to(device)
        return batches, self.accelerator.reduce(total, reduction="sum")

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This batch's part of the mean over the step; processes are averaged, hence the factor."""
        labels_BL, weights_BL = inputs.pop("labels"), inputs.pop("weights")
        outputs = model(**inputs)
        value = loss(outputs.logits.squeeze(-1), labels_BL, weights_BL)
        share = weights_BL.sum() / num_items_in_batch.clamp(min=1e-9)
        value = value * share * self.accelerator.num_processes
        return (value, outputs) if return_outputs else value

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Word F1 on the validation rows, each process reading its share."""
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        mine = self._validation[rank::world]
        pairs = [asked_of(self._discriminator, one) for one in mine]
        told = dict(
            zip(range(rank, len(self._validation), world), self._discriminator.relevances(pairs),
                strict=True)
        )  # fmt: skip
        if world > 1:
            told = dict(gather_objects(list(told.items())))
        measured = measure(
            self._validation, [told[place] for place in range(len(self._validation))], draws=0
        )
        figures = {"f1": measured.macro_f1.value, "local_f1": measured.local_f1.value}
        row = {
            f"{metric_key_prefix}_{key}": math.nan if value is None else value
            for key, value in figures.items()
        }
        self.log(row)
        before: Any = self.control
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, before, row)
        self._discriminator.model.train()
        return row


class _Log(transformers.TrainerCallback):  # type: ignore[misc]
    def __init__(self, log: Callable[[Mapping[str, Any]], None] | None) -> None:
        self._log = log

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Hand the row on, under our names."""
        if self._log is None or not state.is_world_process_zero or "train_runtime" in logs:
            return
        names = {"loss": "loss", "learning_rate": "lr", "grad_norm": "grad_norm",
                 "eval_f1": "f1", "eval_local_f1": "local_f1"}  # fmt: skip
        told = {names[key]: float(value) for key, value in logs.items() if key in names}
        self._log({"step": state.global_step, **told})


def _refuse_sharded(trainer: Any) -> None:
    plugin = trainer.accelerator.state.deepspeed_plugin
    if trainer.is_fsdp_enabled or (plugin is not None and plugin.zero_stage == 3):
        raise UserError(
            "train: expected whole weights in every process (DDP, or DeepSpeed up to ZeRO-2); got "
            "FSDP or ZeRO-3; take another launch file, or training.lora.rank=16 for a large model"
        )
