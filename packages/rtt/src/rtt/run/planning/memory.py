"""Bytes on one training GPU, part by part, and what vLLM has left for keys and values.

An estimate: it says what it assumes, and leaves out fragmentation, NCCL's buffers and the CUDA
context (one to two gigabytes together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.softmax import chunk_size
from rtt.run.launching import Launch
from rtt.run.planning.batches import BatchPlan
from rtt.run.planning.shapes import ModelShape

__all__ = ["CacheRoom", "Part", "cache_room", "training_memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of the memory table."""

    name: str
    size: float
    """Bytes."""
    formula: str
    """How the number comes about, in words."""
    is_counted: bool = True
    """Whether it belongs to the sum; a comparison does not."""


def training_memory(
    shape: ModelShape, batch: BatchPlan, policy: Any, launch: Launch, options: Mapping[str, Any]
) -> list[Part]:
    """What lies on one training GPU (or in one process without).

    Args:
        shape: Of the model.
        batch: Of a step.
        policy: Settings of the policy.
        launch: Which parts are shared out.
        options: Fields of TRL (see `trl_fields`); empty for another engine.
    """
    is_pretrained = isinstance(policy, PretrainedPolicy)
    dtype = policy.dtype if is_pretrained else "float32"
    width = 2 if dtype == "bfloat16" else 4
    compute = 4 if dtype == "float32" else 2
    is_lora = shape.trainable < shape.parameters
    trained = 4 if is_lora else width  # adapters are float32
    pieces = launch.world if launch.shards == "weights" else 1
    spread = launch.world if launch.shards != "nothing" else 1
    over = f" / {launch.world} processes"
    parts = [
        Part(
            name="weights", size=shape.parameters * width / pieces,
            formula=f"{width} B x parameters" + (over if pieces > 1 else ""),
        ),
        *_copies(shape, dtype, pieces, compute),
        Part(
            name="gradients", size=shape.trainable * trained / spread,
            formula=f"{trained} B x trained parameters" + (over if spread > 1 else ""),
        ),
        Part(
            name="optimiser", size=2 * shape.trainable * trained / spread,
            formula=f"AdamW: 2 x {trained} B x trained parameters" + (over if spread > 1 else ""),
        ),
        _activations(shape, batch, compute, getattr(policy, "gradient_checkpointing", False)),
        *_logits(shape, batch, launch),
    ]  # fmt: skip
    if not options.get("use_vllm"):
        tokens = batch.rows_a_process * batch.sequence_tokens
        parts.append(
            Part(
                name="rollout cache", size=tokens * shape.cache_bytes * compute / 2,
                formula=f"{batch.rows_a_process} responses x {batch.sequence_tokens} tokens, "
                "sampled with transformers; not at the same time as the update",
                is_counted=False,
            )
        )  # fmt: skip
    elif options.get("vllm_mode", "colocate") == "colocate":
        share = options.get("vllm_gpu_memory_utilization", 0.3)
        parts.append(
            Part(
                name="vLLM",
                size=share * launch.gpu_memory_gb * 1e9,
                formula=f"vllm_gpu_memory_utilization = {share} of the GPU",
            )
        )
    return parts


def _copies(shape: ModelShape, dtype: str, pieces: int, compute: int) -> list[Part]:
    """Weights a second time: gathered layers, or autocast's copies in bfloat16."""
    if pieces > 1:
        size = compute * (2 * shape.layer_parameters + shape.outside)
        text = f"{compute} B x (two layers + embedding and head), as they are gathered"
    elif dtype == "mixed":
        size, text = 2 * shape.parameters, "2 B x parameters, which autocast keeps for a pass"
    else:
        return []
    return [Part(name="copies", size=size, formula=text)]


def _activations(shape: ModelShape, batch: BatchPlan, compute: int, is_again: bool) -> Part:
    """What the backward pass needs, at the longest prompt and response."""
    tokens = (
        batch.token_budget or 0
        if batch.rows_at_once is None
        else batch.rows_at_once * batch.sequence_tokens
    )
    inner = 6 * shape.hidden + 3 * shape.intermediate + 2 * (shape.query_size + shape.kv_size)
    layers = (
        shape.layers * shape.hidden + inner if is_again else shape.layers * (inner + shape.hidden)
    )
    how = "layer inputs and one layer inside" if is_again else "every layer inside"
    return Part(
        name="activations", size=compute * tokens * layers,
        formula=f"{compute} B x {tokens:,} tokens x {how}; attention keeps no [T, T]",
    )  # fmt: skip


def _logits(shape: ModelShape, batch: BatchPlan, launch: Launch) -> list[Part]:
    """Our kernel's buffer beside what logits in full would take."""
    device = torch.device("cuda" if launch.gpus else "cpu")
    rows = batch.rows_at_once or 1
    positions = rows * batch.response_tokens if batch.rows_at_once else batch.token_budget or 0
    chunk = chunk_size(positions, shape.vocabulary, device, None)
    return [
        Part(
            name="logits, ours", size=2 * 4 * chunk * shape.vocabulary,
            formula=f"4 B x {chunk:,} positions x {shape.vocabulary:,} tokens, and its gradient",
        ),
        Part(
            name="logits, naive", size=2 * 4 * positions * shape.vocabulary,
            formula=f"4 B x {positions:,} positions x {shape.vocabulary:,}, and their gradient",
            is_counted=False,
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRoom:
    """What vLLM can hold at once."""

    gpus: int
    """GPUs over which one engine is spread."""
    share: float
    """Of each GPU's memory."""
    size: float
    """Bytes for keys and values over these GPUs."""
    tokens: int
    responses: int
    """Sequences of full length at once."""


def cache_room(
    shape: ModelShape, batch: BatchPlan, launch: Launch, options: Mapping[str, Any]
) -> CacheRoom | None:
    """Room for keys and values: the share of the memory less the weights in bfloat16.

    Returns:
        None without vLLM, or without a GPU.
    """
    if not options.get("use_vllm") or not launch.gpus:
        return None
    is_server = options.get("vllm_mode", "colocate") == "server"
    share = 0.9 if is_server else float(options.get("vllm_gpu_memory_utilization", 0.3))
    gpus = (
        max(launch.rollout_gpus, 1)
        if is_server
        else int(options.get("vllm_tensor_parallel_size", 1))
    )
    size = gpus * share * launch.gpu_memory_gb * 1e9 - 2 * shape.parameters
    tokens = max(int(size // shape.cache_bytes), 0)
    return CacheRoom(
        gpus=gpus, share=share, size=size, tokens=tokens,
        responses=tokens // max(batch.sequence_tokens, 1),
    )  # fmt: skip
