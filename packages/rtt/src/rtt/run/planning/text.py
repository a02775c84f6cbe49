"""The plan as lines that a person reads before booking GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rtt.engine.settings import AutoRolloutsSettings
from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.launching import Launch
from rtt.run.planning.batches import BatchPlan, sampling_fields
from rtt.run.planning.memory import CacheRoom, Part
from rtt.run.planning.shapes import ModelShape
from rtt.train.local.engine import LocalEngine

__all__ = ["plan_lines", "size"]


def size(amount: float) -> str:
    """Bytes in the largest unit that leaves a number of 1 or more; units of 1,000."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= factor:
            return f"{amount / factor:.1f} {unit}"
    return f"{amount:.0f} B"


def plan_lines(
    config: Any, batch: BatchPlan, shape: ModelShape | None, parts: Sequence[Part],
    room: CacheRoom | None,
) -> Iterator[str]:  # fmt: skip
    """The plan without its commands."""
    launch: Launch = config.launch
    name = shape.name if shape else config.policy.path
    yield f"{config.credit.label} on {name}, seed {config.seed}"
    yield ""
    yield from _hardware(config, launch)
    yield from _phases(config, batch, launch)
    yield from _rows(batch)
    if shape is not None:
        yield from _model(shape, batch, launch)
        yield from _memory(parts, launch)
    if room is not None:
        yield from _room(room, batch)


def _hardware(config: Any, launch: Launch) -> Iterator[str]:
    if not launch.gpus:
        yield f"machine   {launch.world} process(es) on processors"
        return
    yield (
        f"machine   {launch.nodes} x {launch.gpus} GPUs of {launch.gpu_memory_gb:g} GB; "
        f"{launch.training_gpus} train, {launch.rollout_gpus} serve rollouts"
    )
    how = launch.file or "one process"
    yield f"sharding  in pieces over the processes: {launch.shards} ({how})"


def _phases(config: Any, batch: BatchPlan, launch: Launch) -> Iterator[str]:
    trains = _gpus(0, launch.training_gpus) if launch.gpus else "processors"
    if launch.nodes > 1:
        trains = f"{launch.training_gpus} GPUs of {launch.training_nodes} machine(s)"
    options = sampling_fields(config)
    is_local = isinstance(config.engine, LocalEngine)
    is_open = isinstance(config.sampler, AutoRolloutsSettings) and launch.gpus == 1
    if is_local and is_open and isinstance(config.policy, PretrainedPolicy):
        rollout = f"{trains}: vLLM in this process where it is installed, else transformers"
    elif is_local and options.get("vllm_mode") == "server":
        rollout = f"vLLM server at {config.sampler.url} (rtt-serve)"
    elif not options.get("use_vllm"):
        rollout = f"{trains}: transformers"
    elif options.get("vllm_mode", "colocate") == "server":
        where = (
            _gpus(launch.training_gpus, launch.gpus)
            if launch.nodes == 1
            else f"the {launch.gpus} GPUs of the last machine"
        )
        rollout = f"{where}: vLLM server, tensor parallel {launch.rollout_gpus}"
    else:
        rollout = f"{trains}: vLLM in each training process"
    verdict = type(config.verdicts).__name__.removesuffix("Verdicts").lower()
    judge = "" if config.judge_llm is None else f", judge {getattr(config.judge_llm, 'model', '?')}"
    relevance = type(config.relevance).__name__.removesuffix("Source").lower()
    device = getattr(config.relevance, "device", None)
    yield ""
    yield "a step, phase by phase"
    tokens = f"{batch.response_tokens:,} tokens"
    yield f"  1 rollout    {rollout}; {batch.rows} responses of at most {tokens}"
    yield f"  2 verdicts   processors: {verdict}{judge}"
    yield f"  3 relevance  {device or 'processors'}: {relevance}"
    credit = config.credit
    yield (
        f"  4 credit     each training process: {credit.scheme}, reward {credit.reward}, "
        f"weight {credit.weight:g}"
    )
    yield f"  5 update     {trains}: {batch.updates} optimiser step(s)"
    if options.get("use_vllm"):
        is_served = options.get("vllm_mode") == "server"
        way = ("a file in shared memory" if is_local else "NCCL") if is_served else "in the process"
        when = "before every rollout batch" if is_local else "after every optimiser step"
        yield f"  6 weights    to vLLM, {way}, {when}"


def _gpus(first: int, last: int) -> str:
    return f"GPU {first}" if last - first == 1 else f"GPUs {first}-{last - 1}"


def _rows(batch: BatchPlan) -> Iterator[str]:
    each = batch.rows // batch.updates
    yield ""
    yield "rows"
    yield (
        f"  {batch.prompts} prompts x {batch.samples} samples = {batch.rows} responses a rollout "
        f"batch; {batch.batches:,} batches, {batch.steps:,} optimiser steps"
    )
    if batch.rows_at_once is None:
        yield (
            f"  {each} rows an optimiser step, packed into passes of at most "
            f"{batch.token_budget:,} tokens over {batch.processes} process(es)"
        )
    else:
        yield (
            f"  {each} rows an optimiser step = {batch.processes} process(es) x {batch.passes} "
            f"passes x {batch.rows_at_once} rows"
        )
    limit = (
        "of any length" if batch.prompt_tokens is None else f"of at most {batch.prompt_tokens:,}"
    )
    yield (
        f"  prompts {limit} + responses of at most {batch.response_tokens:,} tokens: up to "
        f"{batch.rows * batch.response_tokens:,} new tokens a batch, "
        f"{batch.rows * batch.response_tokens * batch.batches:,} in the run"
    )
    yield (
        f"  {batch.evaluations} evaluations of {batch.heldout} prompts x {batch.eval_samples}"
        if batch.evaluations
        else "  no evaluation in the run: rtt-rollout evaluates the checkpoints"
    )


def _model(shape: ModelShape, batch: BatchPlan, launch: Launch) -> Iterator[str]:
    head = "tied" if shape.is_tied else "of its own"
    whole = 4 * shape.parameters + 8 * shape.trainable
    if shape.trainable < shape.parameters:
        whole = 12 * shape.trainable
    yield ""
    yield "model"
    yield (
        f"  {shape.parameters:,} parameters, {shape.trainable:,} trained; {shape.layers} layers of "
        f"{shape.hidden}, vocabulary {shape.vocabulary:,}, head {head}"
    )
    yield (
        f"  {batch.checkpoints} checkpoints of about {size(whole)} (weights and AdamW at 4 bytes), "
        "the last two are kept"
    )


def _memory(parts: Sequence[Part], launch: Launch) -> Iterator[str]:
    yield ""
    where = "GPU" if launch.gpus else "process"
    yield f"memory of one training {where}, estimated at the longest prompts and responses"
    for part in parts:
        first, last = (" ", " ") if part.is_counted else ("(", ")")
        yield f"  {part.name:<14}{first}{size(part.size):>9}{last} {part.formula}"
    total = sum(part.size for part in parts if part.is_counted)
    of = f" of {launch.gpu_memory_gb:g} GB" if launch.gpus else ""
    yield (
        f"  {'sum':<14} {size(total):>9}{of}; without fragmentation, NCCL and the CUDA context "
        "(1 to 2 GB)"
    )


def _room(room: CacheRoom, batch: BatchPlan) -> Iterator[str]:
    yield ""
    yield (
        f"vLLM      {size(max(room.size, 0))} for keys and values on {room.gpus} GPU(s) at "
        f"{room.share:g} of the memory: {room.tokens:,} tokens, {room.responses} sequences "
        f"of {batch.sequence_tokens:,} at once"
    )
