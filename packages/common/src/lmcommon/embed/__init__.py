"""Texts to unit vectors: bundled and offline, sentence-transformers, or any compatible endpoint."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.embed.base import Embedder, Vectors
    from lmcommon.embed.cached import CachedEmbedder
    from lmcommon.embed.config import EMBED_SCHEMAS
    from lmcommon.embed.openai_compatible import OpenAIEmbedder
    from lmcommon.embed.sentence_transformer import BundledEmbedder, SentenceTransformerEmbedder

__all__ = [
    "EMBED_SCHEMAS",
    "BundledEmbedder",
    "CachedEmbedder",
    "Embedder",
    "OpenAIEmbedder",
    "SentenceTransformerEmbedder",
    "Vectors",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "EMBED_SCHEMAS": "lmcommon.embed.config",
        "BundledEmbedder": "lmcommon.embed.sentence_transformer",
        "CachedEmbedder": "lmcommon.embed.cached",
        "Embedder": "lmcommon.embed.base",
        "OpenAIEmbedder": "lmcommon.embed.openai_compatible",
        "SentenceTransformerEmbedder": "lmcommon.embed.sentence_transformer",
        "Vectors": "lmcommon.embed.base",
    },
)
