"""Our log-probability kernel in place of TRL's fused head.

TRL calls its model with `labels` and `fused_lm_head=True` and reads `log_probs` and `entropy` from
the answer; the call must go through the model's own forward, so that DDP, FSDP and PEFT see it.
Here that answer comes from `rtt.policy.logprobs.token_logprobs`, for the scored positions only. A
head that does more than a matrix product, or whose weights are spread over devices, keeps TRL's.
"""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from transformers.utils import ModelOutput

from rtt.policy.logprobs import token_logprobs

__all__ = ["TokenScores", "add_token_kernel", "has_plain_head"]

_MORE_THAN_A_PRODUCT = (
    "final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier",
    "logits_scaling",
)  # fmt: skip
"""Settings of models that bend or scale their logits after the head."""


@dataclass
class TokenScores(ModelOutput):  # type: ignore[misc]
    """What TRL reads: both [B, L - 1], zeros where nothing was to be scored."""

    log_probs: Tensor | None = None
    entropy: Tensor | None = None
    aux_loss: Tensor | None = None


def has_plain_head(model: Any) -> bool:
    """Whether the logits of a model are its head's weight times its last hidden state."""
    config, head = model.config.get_text_config(), model.get_output_embeddings()
    if any(getattr(config, name, None) not in (None, 1, 1.0) for name in _MORE_THAN_A_PRODUCT):
        return False
    is_changed = "forward" in vars(head)  # `cast_lm_head_to_fp32` replaces it
    return type(head) is torch.nn.Linear and not is_changed and not _is_spread(head.weight)


def add_token_kernel(model: Any, *, temperature: float) -> None:
    """Let a causal model that TRL has given its fused head answer by our kernel.

    Args:
        model: The model itself, not a wrapper around it.
        temperature: What the logits are divided by.
    """
    fused = model.forward

    # `generate` looks at the signature of the forward it finds.
    @functools.wraps(type(model).forward)
    def forward(
        self: Any, *args: Any, fused_lm_head: bool = False, labels: Tensor | None = None,
        **more: Any,
    ) -> Any:  # fmt: skip
        is_ours = fused_lm_head and labels is not None and not more.get("output_router_logits")
        if not is_ours or more.get("shift_labels") is not None or not has_plain_head(self):
            return fused(*args, fused_lm_head=fused_lm_head, labels=labels, **more)
        assert labels is not None
        more["use_cache"] = False
        hidden_BLH = self.base_model(*args, **more).last_hidden_state[:, :-1]
        target_BL = labels[:, 1:].to(hidden_BLH.device)
        kept_BL = target_BL != -100
        logprob_N, entropy_N = token_logprobs(
            hidden_BLH[kept_BL] / temperature, self.get_output_embeddings(), target_BL[kept_BL]
        )
        empty_BL = torch.zeros(kept_BL.shape, dtype=logprob_N.dtype, device=logprob_N.device)
        # `masked_scatter` keeps the graph whole when nothing is scored: the loss is then 0 with
        # zero gradients, and no process waits for another in the backward pass.
        return TokenScores(
            log_probs=empty_BL.masked_scatter(kept_BL, logprob_N),
            entropy=empty_BL.masked_scatter(kept_BL, entropy_N),
        )

    model.forward = types.MethodType(forward, model)


def _is_spread(weight: Tensor) -> bool:
    """Whether a weight is sharded: by FSDP2 (a DTensor) or DeepSpeed's ZeRO-3."""
    return isinstance(weight, DTensor) or hasattr(weight, "ds_status")
