"""Low-rank adapters on a discriminator, for the time of its training.

In: a discriminator and settings. Out: the model that is trained, and afterwards the same
discriminator with the adapters merged into its weights: an ordinary checkpoint. `peft` is imported
here.
"""

from __future__ import annotations

from typing import Any

import torch

from lmcommon.extras import require
from lmcommon.rng import seed_for
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.settings import Adapters

__all__ = ["adapted", "merge"]


def adapted(discriminator: TokenDiscriminator, lora: Adapters, *, seed: int) -> Any:
    """The model with adapters on it; the head is trained whole. Without rank: the model itself.

    Raises:
        MissingExtraError: Adapters need `rtt-llm[trl]`.
    """
    if not lora.rank:
        return discriminator.model
    peft = require("peft", extra="rtt-llm[trl]")
    config = peft.LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout,
        target_modules=list(lora.modules), task_type="TOKEN_CLS",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "lora"))
        # The layers change in place: discriminator.model computes with them as well.
        return peft.get_peft_model(discriminator.model, config)


def merge(discriminator: TokenDiscriminator, model: Any) -> None:
    """Put the trained adapters into the discriminator's weights."""
    if model is not discriminator.model:
        discriminator.model = model.merge_and_unload()
