"""vLLM in this process: continuous batching, shared prefixes, weights that follow the trainer.

In: prompts as token ids, made by the policy as for every engine. Out: responses as they end, token
ids and log-probabilities. The engine has its own copy of the weights; `update` brings it up to
date. On a CPU it computes in float32 (vLLM's own choice, bfloat16, would leave the trainer's
log-probabilities by hundredths), without compilation.

Log-probabilities come at the sampling temperature and before top-k and top-p, as everywhere here.
vLLM knows "raw" ones (temperature 1) and "processed" ones (after truncation) and neither is that;
so the temperature is put into the scale of the model's logits, and raw is what we want.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.llm.vllm_offline import VLLM_ENVIRONMENT
from rtt.engine.asking import ask, rollout_of, sample_seeds
from rtt.engine.base import Finished, SamplesByStream
from rtt.engine.drawing import Sampling
from rtt.engine.versions import check_stack
from rtt.engine.vllm_weights import reload_on_cpu
from rtt.policy.tiny import Policy

__all__ = ["VllmRollouts", "VllmRolloutsSettings", "save_policy"]

_EXTRA = "lmcommon[vllm]"


class VllmRollouts(SamplesByStream):
    """A `RolloutEngine` on vLLM's offline engine. One call at a time.

    Args:
        policy: Gives tokenizer, chat template and the first weights.
        max_tokens: Of a response.
        sampling: How tokens are drawn.
        max_batch: Responses under way at once.
        seed: Of the engine; the draws of a prompt have seeds of their own.
        memory_share: Share of a GPU's memory for weights and cache.
        options: Further options of `vllm.LLM`.

    Raises:
        UserError: vLLM refuses the model, or several processes want one engine each.
        MissingExtraError: Without vLLM.
    """

    holds_weights = True
    """What it samples from stands still while the policy trains."""

    def __init__(
        self,
        policy: Policy,
        max_tokens: int,
        sampling: Sampling | None = None,
        *,
        max_batch: int = 64,
        seed: int = 0,
        memory_share: float = 0.35,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.policy, self.max_tokens = policy, max_tokens
        self.sampling = sampling or Sampling()
        self.version = -1
        """Of the weights it samples from; -1: those it was started with."""
        self._is_cpu = not torch.cuda.is_available()
        self._folder = tempfile.TemporaryDirectory(prefix="rtt-policy-")
        self._llm: Any = None
        self._sent = 0
        try:
            self._llm = self._start(
                max_batch=max_batch, seed=seed, memory_share=memory_share, options=options or {},
            )  # fmt: skip
            self._base_scale = float(self._logits_processor().scale)
        except BaseException:
            self.close()
            raise

    def stream(
        self,
        prompts: Sequence[RubricPrompt],
        *,
        samples: int,
        seed: int,
        version: int = 0,
        places: Sequence[int] | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[Finished]:
        """Draw `samples` responses to each prompt, each yielded when it ends.

        See `RolloutEngine.stream`. Every response has a seed of its own, so a draw does not depend
        on what else is under way but for rounding: a token whose rivals are equal to the last bit
        may fall otherwise in another batch.

        Raises:
            UserError: A prompt leaves no room for a response, or the engine died.
        """
        engine = self._alive().llm_engine
        sampling = sampling or self.sampling
        asked = [ask(self.policy, prompt, self.max_tokens) for prompt in prompts]
        places = range(len(prompts)) if places is None else places
        under_way: dict[str, tuple[int, int]] = {}
        with self._temperature(sampling.temperature):
            try:
                for number, (ids, place) in enumerate(zip(asked, places, strict=True)):
                    for sample, own in enumerate(sample_seeds(seed, place, samples)):
                        name = f"rtt-{self._sent}"
                        self._sent += 1
                        params = self._params(sampling, own)
                        engine.add_request(name, {"prompt_token_ids": ids}, params)
                        under_way[name] = (number, sample)
                while under_way:
                    for output in self._step(engine):
                        prompt, sample = under_way.pop(output.request_id)
                        tokens, logprobs = _drawn(output.outputs[0])
                        rollout = rollout_of(
                            self.policy, prompts[prompt].id, tokens, logprobs, version
                        )
                        yield Finished(prompt=prompt, sample=sample, rollout=rollout)
            finally:
                if under_way and self._llm is not None:
                    engine.abort_request(list(under_way))

    def update(self, weights: Iterable[tuple[str, Tensor]], *, version: int) -> None:
        """Take over the policy's weights; the cached prefixes of the old ones are dropped.

        Args:
            weights: As `rtt.engine.weights.policy_weights` gives them.
            version: Optimiser steps taken; a version that it has already is not taken over again.
        """
        llm = self._alive()
        if version == self.version:
            return
        runner = self._runner()
        if self._is_cpu:
            # A list: the layers are packed when all have come, and must find them unchanged.
            reload_on_cpu(runner, [(name, tensor.clone()) for name, tensor in weights])
        else:
            with torch.no_grad():
                runner.get_model().load_weights(iter(weights))
        llm.reset_prefix_cache()
        self.version = version

    def close(self) -> None:
        """Stop the engine and free its memory. Idempotent."""
        llm, self._llm = self._llm, None
        if llm is not None:
            llm.llm_engine.engine_core.shutdown()
            del llm
            gc.collect()
        self._folder.cleanup()

    def _start(
        self, *, max_batch: int, seed: int, memory_share: float, options: Mapping[str, Any],
    ) -> Any:  # fmt: skip
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            raise UserError(
                "sampler: expected vllm_server with several processes of the local engine, which "
                "share one server; got vllm, an engine in each; use sampler=vllm_server, or "
                "engine=trl engine.rollouts=vllm"
            )
        if options.get("tensor_parallel_size", 1) != 1:
            raise UserError(
                "sampler.options.tensor_parallel_size: expected 1 for vLLM in this process, which "
                "hands weights to the one worker beside it; got "
                f"{options['tensor_parallel_size']}; use rtt-serve tensor_parallel=... and "
                "sampler=vllm_server"
            )
        for key, value in VLLM_ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        check_stack(is_below_trl=False)
        vllm = require("vllm", extra=_EXTRA)
        folder = save_policy(self.policy, Path(self._folder.name))
        settings: dict[str, Any] = {
            "dtype": "float32" if self._is_cpu else "bfloat16",
            "skip_tokenizer_init": True,
            "max_num_seqs": max_batch,
            "max_model_len": self.policy.context,
            "enforce_eager": self._is_cpu,
            "seed": seed % 2**31,
            "logprobs_mode": "raw_logprobs",
        }
        if self._is_cpu:
            settings["distributed_executor_backend"] = "uni"
        else:
            settings["gpu_memory_utilization"] = memory_share
        try:
            with torch.random.fork_rng(devices=[]):  # it seeds torch for the whole process
                return vllm.LLM(model=str(folder), **(settings | dict(options)))
        except (OSError, ValueError, RuntimeError) as error:
            told = (str(error).strip() or repr(error)).splitlines()[0]
            raise UserError(
                f"sampler: vLLM cannot run this policy: {told}; use sampler=transformers, or "
                "sampler.options for other settings of vllm.LLM"
            ) from error

    def _params(self, sampling: Sampling, seed: int) -> Any:
        parts = require("vllm.sampling_params", extra=_EXTRA)
        return parts.SamplingParams(
            temperature=1.0,  # it is in the logits already
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,
            max_tokens=self.max_tokens,
            seed=seed,
            logprobs=0,
            detokenize=False,
            ignore_eos=True,
            stop_token_ids=sorted(self.policy.end_ids),
            output_kind=parts.RequestOutputKind.FINAL_ONLY,
        )

    def _step(self, engine: Any) -> list[Any]:
        try:
            return [output for output in engine.step() if output.finished]
        except Exception as error:  # whatever it was, the engine's state is gone
            if isinstance(error, UserError):
                raise
            self._llm = None
            raise UserError(
                f"sampler: the vLLM engine died while it generated "
                f"({type(error).__name__}: {error}); go on from the last checkpoint with resume=, "
                "with a smaller sampler.max_batch or sampler.memory_share if memory ran out"
            ) from error

    @contextmanager
    def _temperature(self, temperature: float) -> Iterator[None]:
        """Divide the model's logits by the temperature for a while."""
        processor = self._logits_processor()
        processor.scale = self._base_scale / temperature
        try:
            yield
        finally:
            processor.scale = self._base_scale

    def _alive(self) -> Any:
        if self._llm is None:
            raise UserError("sampler: expected an engine that runs; this one is closed or died")
        return self._llm

    def _runner(self) -> Any:
        return self._alive().llm_engine.model_executor.driver_worker.model_runner

    def _logits_processor(self) -> Any:
        model = self._runner().get_model()
        found = getattr(model, "logits_processor", None)
        if found is None:
            raise UserError(
                f"sampler: expected a model of vLLM with a logits processor; got "
                f"{type(model).__name__}; use sampler=transformers"
            )
        return found


@dataclass(kw_only=True)
class VllmRolloutsSettings:
    """vLLM in this process, on one GPU or the CPU; models for several GPUs: `vllm_server`."""

    max_batch: int = 64
    """Responses under way at once."""
    memory_share: float = 0.35
    """Share of a GPU's memory for weights and cache; the trainer needs the rest."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further options of vllm.LLM."""

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> VllmRollouts:
        """Start the engine of a policy; see `RolloutSettings.build`."""
        return VllmRollouts(
            policy, max_tokens, sampling, max_batch=min(self.max_batch, row_budget), seed=seed,
            memory_share=self.memory_share, options=self.options,
        )  # fmt: skip


def save_policy(policy: Policy, folder: Path) -> Path:
    """Write a policy as a folder that vLLM reads: configuration, weights, tokenizer."""
    from rtt.engine.weights import policy_weights

    state = {name: tensor.contiguous() for name, tensor in policy_weights(policy)}
    safetensors = require("safetensors.torch", extra="lmcommon[hf]")
    policy.model.config.save_pretrained(folder)
    policy.model.generation_config.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    safetensors.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _drawn(reply: Any) -> tuple[list[int], list[float]]:
    tokens = list(reply.token_ids)
    return tokens, [
        float(table[token].logprob) for token, table in zip(tokens, reply.logprobs, strict=True)
    ]
