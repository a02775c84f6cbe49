"""Configuration of embedders: one dataclass an implementation, each with `build()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lmcommon.embed.base import Embedder
from lmcommon.errors import UserError

__all__ = [
    "EMBED_SCHEMAS",
    "BundledEmbedConfig",
    "HashEmbedConfig",
    "OpenAIEmbedConfig",
    "SentenceTransformerConfig",
]


@dataclass(kw_only=True)
class BundledEmbedConfig:
    """all-MiniLM-L6-v2, offline."""

    batch: int = 32
    """Texts in one forward pass."""
    device: str | None = None
    """null takes an accelerator if there is one."""

    def __post_init__(self) -> None:
        _at_least_one("embed.batch", self.batch)

    def build(self) -> Embedder:
        """The embedder; its model loads at the first use."""
        from lmcommon.embed.sentence_transformer import BundledEmbedder

        return BundledEmbedder(batch=self.batch, device=self.device)


@dataclass(kw_only=True)
class SentenceTransformerConfig:
    """Any sentence-transformers model."""

    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    """A folder or a hub id."""
    batch: int = 32
    device: str | None = None

    def __post_init__(self) -> None:
        _at_least_one("embed.batch", self.batch)

    def build(self) -> Embedder:
        """The embedder; its model loads at the first use."""
        from lmcommon.embed.sentence_transformer import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(self.model, batch=self.batch, device=self.device)


@dataclass(kw_only=True)
class OpenAIEmbedConfig:
    """Any OpenAI-compatible endpoint."""

    model: str = "text-embedding-3-small"
    base_url: str | None = None
    """null is OpenAI's own."""
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; never the key itself."""
    batch: int = 64
    dimensions: int | None = None
    timeout_s: float = 60.0
    retries: int = 4

    def __post_init__(self) -> None:
        _at_least_one("embed.batch", self.batch)

    def build(self) -> Embedder:
        """The embedder; it connects at the first use."""
        from lmcommon.embed.openai_compatible import OpenAIEmbedder

        return OpenAIEmbedder(
            self.model,
            base_url=self.base_url,
            api_key_env=self.api_key_env,
            batch=self.batch,
            dimensions=self.dimensions,
            timeout_s=self.timeout_s,
            retries=self.retries,
        )


@dataclass(kw_only=True)
class HashEmbedConfig:
    """Words hashed into buckets: instant, deterministic, blind to meaning. For dry runs."""

    dim: int = 64

    def __post_init__(self) -> None:
        _at_least_one("embed.dim", self.dim)

    def build(self) -> Embedder:
        """The embedder."""
        from lmcommon.testing.hash_embedder import HashEmbedder

        return HashEmbedder(self.dim)


EMBED_SCHEMAS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "bundled": BundledEmbedConfig,
        "sentence_transformer": SentenceTransformerConfig,
        "openai": OpenAIEmbedConfig,
        "hash": HashEmbedConfig,
    }
)
"""Option of the group `embed` to its schema."""


def _at_least_one(key: str, value: int) -> None:
    if value < 1:
        raise UserError(f"{key}: expected a number >= 1; got {value!r}")
