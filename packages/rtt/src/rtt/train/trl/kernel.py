"""Our log-probability kernel in place of TRL's fused head.

TRL calls its model with `labels` and `fused_lm_head=True` and reads `log_probs` and `entropy` from
the answer; the call must go through the model's own forward, so that DDP, FSDP and PEFT see it.
Here that answer comes from `rtt.policy.logprobs.token_logprobs`, for the scored positions only. A
head that the kernel does not know keeps TRL's.
"""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from rtt.policy.logprobs import token_logprobs
from rtt.policy.softmax import HeadForm

__all__ = ["TokenScores", "add_token_kernel", "has_plain_head"]


@dataclass
class TokenScores(ModelOutput):  # type: ignore[misc]
    """What TRL reads: both [B, L - 1], zeros where nothing was to be scored."""

    log_probs: Tensor | None = None
    entropy: Tensor | None = None
    aux_loss: Tensor | None = None


def has_plain_head(model: Any) -> bool:
    """Whether the kernel computes what the head of a model computes.

    Not so where the head was replaced (`cast_lm_head_to_fp32`), its weight lies in pieces on many
    devices (ZeRO-3), or the logits are scaled in a way that `HeadForm` does not know.
    """
    config, head = model.config.get_text_config(), model.get_output_embeddings()
    is_known = (
        getattr(config, "output_multiplier", None) is None and config.model_type != "hyperclovax"
    )
    is_changed = "forward" in vars(head) or hasattr(head.weight, "ds_status")
    return is_known and type(head) is torch.nn.Linear and not is_changed


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
        device = hidden_BLH.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        logprob_N, entropy_N = token_logprobs(
            hidden_BLH[kept_BL].to(dtype),
            _head_in(self.get_output_embeddings(), dtype),
            target_BL[kept_BL],
            form=HeadForm.of(self.config, temperature=temperature),
        )
        empty_BL = torch.zeros(kept_BL.shape, dtype=logprob_N.dtype, device=logprob_N.device)
        # `masked_scatter` keeps the graph whole when nothing is scored: the loss is then 0 with
        # zero gradients, and no process waits for another in the backward pass.
        return TokenScores(
            log_probs=empty_BL.masked_scatter(kept_BL, logprob_N),
            entropy=empty_BL.masked_scatter(kept_BL, entropy_N),
        )

    model.forward = types.MethodType(forward, model)


def _head_in(head: Any, dtype: torch.dtype | None) -> Any:
    """The head, its weight in the dtype that autocast would use."""
    return head if dtype is None or head.bias is not None else head.weight.to(dtype)
