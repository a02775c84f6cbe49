"""Who samples in a TRL run: transformers or vLLM, in TRL's words.

In: `engine.rollouts` and the settings of vLLM. Out: fields of `trl.GRPOConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.extras import is_available

__all__ = ["ROLLOUTS", "TrlVllm", "chosen_rollouts"]

ROLLOUTS = ("auto", "transformers", "vllm", "vllm_server")
_CORRECTIONS = ("auto", "none", "sequence_mask", "sequence_truncate", "token_mask",
                "token_truncate")  # fmt: skip


@dataclass(kw_only=True)
class TrlVllm:
    """Settings of vLLM below TRL; those of the other mode have no effect."""

    memory: float = 0.3
    """Share of the GPU's memory, beside the trainer (`rollouts=vllm`)."""
    tensor_parallel: int = 1
    """GPUs that share a model (`rollouts=vllm`); a server has its own setting."""
    sleep: bool = False
    """Free vLLM's memory while the weights are trained (`rollouts=vllm`)."""
    context: int | None = None
    """Longest prompt and response in tokens; null: the longest training prompt with a response."""
    server_url: str = "http://localhost:8000"
    """Where vLLM answers (`rollouts=vllm_server`). On a CPU started by rtt-serve; with CUDA by
    VLLM_SERVER_DEV_MODE=1 vllm serve MODEL --logprobs-mode processed_logprobs
    --weight-transfer-config '{"backend": "nccl"}'."""
    server_wait_s: float = 240.0
    """How long a server may take to come up."""
    correction: str = "auto"
    """Weight of a token for the difference between vLLM's and the trainer's log-probabilities:
    none, or a mode of TRL. auto: sequence_mask, and with top_p or top_k token_truncate."""
    correction_max: float | None = 3.0
    """Largest weight; beyond, it is cut (truncate) or the weight is 0 (mask)."""

    def __post_init__(self) -> None:
        if not 0 < self.memory <= 1:
            raise UserError(
                f"engine.vllm.memory: expected a share above 0 and at most 1; got {self.memory!r}"
            )
        if self.tensor_parallel < 1:
            raise UserError(
                "engine.vllm.tensor_parallel: expected a number of GPUs above 0; got "
                f"{self.tensor_parallel!r}"
            )
        if self.context is not None and self.context < 2:
            raise UserError(
                f"engine.vllm.context: expected at least 2 tokens, or null; got {self.context!r}"
            )
        if self.correction not in _CORRECTIONS:
            raise UserError(
                f"engine.vllm.correction: expected one of {', '.join(_CORRECTIONS)}; got "
                f"{self.correction!r}"
            )
        if not self.server_url.startswith(("http://", "https://")):
            raise UserError(
                "engine.vllm.server_url: expected something like http://localhost:8000; got "
                f"{self.server_url!r}"
            )

    def arguments(self, rollouts: str, *, is_truncated: bool) -> dict[str, Any]:
        """The settings in TRL's words.

        Args:
            rollouts: One of `ROLLOUTS`, but auto.
            is_truncated: Whether top-p or top-k keep tokens from being drawn. vLLM's
                log-probabilities are then of what is left, larger than the trainer's by a little
                on every token; their sum over a long response would make its weight vanish.
        """
        if rollouts == "transformers":
            return {"use_vllm": False}
        mode = self.correction
        if mode == "auto":
            mode = "token_truncate" if is_truncated else "sequence_mask"
        corrected = {} if mode == "none" else {"vllm_importance_sampling_mode": mode}
        where = (
            {"vllm_server_base_url": self.server_url, "vllm_server_timeout": self.server_wait_s}
            if rollouts == "vllm_server"
            else {
                "vllm_gpu_memory_utilization": self.memory,
                "vllm_tensor_parallel_size": self.tensor_parallel,
                "vllm_enable_sleep_mode": self.sleep,
                "vllm_max_model_length": self.context,
            }
        )
        return {
            "use_vllm": True,
            "vllm_mode": "server" if rollouts == "vllm_server" else "colocate",
            "vllm_importance_sampling_correction": mode != "none",
            "vllm_importance_sampling_clip_max": self.correction_max,
            **corrected,
            **where,
        }


def chosen_rollouts(
    asked: str, *, has_cuda: bool | None = None, has_vllm: bool | None = None
) -> str:
    """Who samples: what was asked for; for `auto` vLLM where it and CUDA are, else transformers.

    Args:
        asked: One of `ROLLOUTS`.
        has_cuda: Whether there is a CUDA device; None: have a look.
        has_vllm: Whether vLLM is installed; None: have a look.

    Raises:
        UserError: Something else was asked for.
    """
    if asked not in ROLLOUTS:
        raise UserError(f"engine.rollouts: expected one of {', '.join(ROLLOUTS)}; got {asked!r}")
    if asked != "auto":
        return asked
    has_vllm = is_available("vllm") if has_vllm is None else has_vllm
    has_cuda = torch.cuda.is_available() if has_cuda is None else has_cuda
    return "vllm" if has_cuda and has_vllm else "transformers"
