"""TRL's `SFTTrainer` and `DPOTrainer` on rows that are token ids already.

In: a policy, rows of `rtt.train.baselines.encoding`, settings in TRL's words. Out: a trainer.
Needs `rtt-llm[trl]`; what is relied on is pinned by `tests/contract/test_baselines.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.policy.tiny import Policy
from rtt.train.trl import installed as _checked  # refuses an unsupported TRL

__all__ = ["dpo_trainer", "sft_trainer"]

_trl = require("trl", extra="rtt-llm[trl]")
assert _checked.GRPOConfig is _trl.GRPOConfig


class _PairTrainer(_trl.DPOTrainer):  # type: ignore[misc,name-defined]
    """TRL's, which otherwise makes token ids out of texts by itself."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        if "prompt_ids" in dataset.column_names:
            return dataset
        return super()._prepare_dataset(dataset, *args, **kwargs)


def sft_trainer(
    policy: Policy, rows: Any, arguments: Mapping[str, Any], *, adapters: Any = None,
    callbacks: Sequence[Any] = (),
) -> Any:  # fmt: skip
    """A trainer of the mean negative log-likelihood of response tokens; the prompt is masked.

    Args:
        policy: Model and tokenizer; the model is trained in place.
        rows: Of `encode_examples`.
        arguments: Fields of `trl.SFTConfig`.
        adapters: A `peft.LoraConfig`, or None.
        callbacks: Of the Trainer.

    Raises:
        UserError: A field that `trl.SFTConfig` does not have.
    """
    args = _config(_trl.SFTConfig, {**arguments, "completion_only_loss": True})
    return _trl.SFTTrainer(
        policy.model, args=args, train_dataset=rows, processing_class=policy.tokenizer,
        peft_config=adapters, callbacks=list(callbacks),
    )  # fmt: skip


def dpo_trainer(
    policy: Policy, rows: Any, arguments: Mapping[str, Any], *, adapters: Any = None,
    callbacks: Sequence[Any] = (),
) -> Any:  # fmt: skip
    """A trainer of the preference loss against the policy as it was at first.

    Args:
        policy: Model and tokenizer; the model is trained in place.
        rows: Of `encode_pairs`.
        arguments: Fields of `trl.DPOConfig`.
        adapters: A `peft.LoraConfig`, or None: then a copy of the model is the reference.
        callbacks: Of the Trainer.

    Raises:
        UserError: A field that `trl.DPOConfig` does not have.
    """
    args = _config(_trl.DPOConfig, arguments)
    # With adapters, TRL's reference is the model without them.
    reference = None if adapters is not None else copy.deepcopy(policy.model)
    return _PairTrainer(
        policy.model, ref_model=reference, args=args, train_dataset=rows,
        processing_class=policy.tokenizer, peft_config=adapters, callbacks=list(callbacks),
    )  # fmt: skip


def _config(kind: Any, arguments: Mapping[str, Any]) -> Any:
    if unknown := sorted(set(arguments) - set(kind.__dataclass_fields__)):
        raise UserError(f"baseline.options: expected fields of trl.{kind.__name__}; got {unknown}")
    return kind(**arguments)
