"""verl's trainers with token credit: `rtt_sync`, `rtt_colocate_async`, `rtt_separate_async`.

verl scores responses while others are still generated, and keeps one number of each; the token part
arrives beside it in the extra info. Before advantages are computed, these trainers pack both into
the rows of rewards. Everything else is verl's. In: a batch in the TransferQueue. Out: the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rtt.train.verl.installed import verl_module
from rtt.train.verl.rows import packed_rows, row_metrics, score_metrics

__all__ = ["MODES", "PREFIX", "TokenCredit", "register_trainers"]

PREFIX = "rtt_"
"""`trainer.v1.trainer_mode=rtt_sync` is verl's `sync` with token credit."""

MODES = ("sync", "colocate_async", "separate_async")
"""verl's own trainers, which are built upon."""


class TokenCredit:
    """What is added to a trainer of verl; comes before it among the base classes."""

    mode: str
    """The mode of verl's trainer."""

    def __init__(self, config: Any) -> None:
        # verl compares the mode with "sync" and looks its own settings up under it.
        config.trainer.v1.trainer_mode = self.mode
        super().__init__(config)  # type: ignore[call-arg]

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        data = _read(batch, ["uid", "rm_scores", "response_mask", "extra_fields"])
        mask_BT = _padded(data["response_mask"])
        row_BT = packed_rows(_padded(data["rm_scores"]), mask_BT, _items(data["extra_fields"]))
        lengths = data["response_mask"].offsets().diff().tolist()
        _write(batch, "rm_scores", [row[:n] for row, n in zip(row_BT, lengths, strict=True)])
        metrics.update(row_metrics(row_BT, mask_BT, _items(data["uid"])))
        return super()._compute_advantage(batch, metrics)  # type: ignore[misc]

    def _compute_metrics(
        self, batch: Any, metrics: dict[str, Any], *rest: Any, **named: Any
    ) -> None:
        super()._compute_metrics(batch, metrics, *rest, **named)  # type: ignore[misc]
        metrics.update(score_metrics(_padded(_read(batch, ["rm_scores"])["rm_scores"])))


def register_trainers() -> None:
    """Make the trainers known to verl."""
    v1 = verl_module("verl.trainer.ppo.v1")
    for mode in MODES:
        stock = v1.get_trainer_cls(mode)
        made = type(f"TokenCredit{stock.__name__}", (TokenCredit, stock), {"mode": mode})
        v1.register_trainer(PREFIX + mode)(made)


def _read(batch: Any, fields: list[str]) -> Any:
    queue = verl_module("transfer_queue")
    return queue.kv_batch_get(
        keys=batch.keys, partition_id=batch.partition_id, select_fields=fields
    )


def _write(batch: Any, field: str, rows: list[Tensor]) -> None:
    nested = torch.nested.as_nested_tensor(rows, layout=torch.jagged)
    fields = verl_module("tensordict").TensorDict({field: nested}, batch_size=len(rows))
    verl_module("transfer_queue").kv_batch_put(
        keys=batch.keys, partition_id=batch.partition_id, fields=fields
    )


def _padded(nested: Tensor) -> Tensor:
    return nested.to_padded_tensor(0)


def _items(column: Any) -> list[Any]:
    """A column of the queue that holds no tensors, as a plain list."""
    return [getattr(one, "data", one) for one in list(column)]
