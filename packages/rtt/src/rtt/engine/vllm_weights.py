"""New weights for a vLLM engine that runs on the CPU in this process.

In: vLLM's model runner and named tensors. Out: nothing; the engine answers with the new weights.
vLLM's CPU layers compute with packed copies of their weights, so writing the parameters alone
changes nothing (and `load_weights`, which fits CUDA, fails). `reload_weights` packs every layer
anew but for a head that shares its weight with the embedding, which would go on with its first
copy: log-probabilities off by some hundredths, with no error. Cached prefixes are the caller's to
drop (`LLM.reset_prefix_cache`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from lmcommon.extras import require

__all__ = ["reload_on_cpu", "repack_lm_head"]

_EXTRA = "lmcommon[vllm]"


def reload_on_cpu(model_runner: Any, named_tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Give an engine on the CPU new weights.

    Args:
        model_runner: `llm.llm_engine.model_executor.driver_worker.model_runner`, or
            `self.model_runner` in a worker extension.
        named_tensors: Every weight once, under its name in the checkpoint; a tied head may be left
            out. Read one by one; a tensor must keep its values until all are read and loaded.

    Raises:
        MissingExtraError: Without vLLM.
    """
    model_runner.reload_weights(weights_iterator=iter(named_tensors))
    repack_lm_head(model_runner.get_model())


def repack_lm_head(model: Any) -> None:
    """Pack the head's weight again, as vLLM does when it first loads a model on the CPU.

    Args:
        model: vLLM's model, a `torch.nn.Module`.

    Raises:
        MissingExtraError: Without vLLM.
    """
    layers = "vllm.model_executor.layers"
    heads = require(f"{layers}.vocab_parallel_embedding", extra=_EXTRA)
    packing = require(f"{layers}.utils", extra=_EXTRA)
    for module in model.modules():
        if isinstance(module, heads.ParallelLMHead):
            packing.dispatch_cpu_unquantized_gemm(module, remove_weight=False)
