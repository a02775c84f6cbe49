"""A `mem0.Memory` of ours: embedded store in memory, our model and embedder, no telemetry.

Mem0 reads two environment variables when it is imported; they are set before, unless the user has
set them. Nothing here touches the network.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from lmcommon.embed import Embedder
from lmcommon.errors import UserError
from lmcommon.extras import require
from memtrace.memory.mem0.shims import freeze

__all__ = ["OurEmbeddings", "OurLlm", "build_memory", "mem0_main"]

_PROVIDER = "memtrace"
_CACHED = 4096
"""Vectors kept: Mem0 embeds a text when it searches for it and again when it stores it."""


class OurEmbeddings:
    """An `Embedder` behind Mem0's interface.

    Args:
        embedder: Makes the vectors.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vector = lru_cache(maxsize=_CACHED)(self._embed)

    def _embed(self, text: str) -> tuple[float, ...]:
        return tuple(self._embedder.embed([text])[0].tolist())

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of a text."""
        return list(self._vector(text))

    def embed_batch(self, texts: Sequence[str], memory_action: str | None = None) -> Any:
        """The vectors of texts."""
        return [self.embed(text) for text in texts]


class OurLlm:
    """Stands where Mem0 expects its model; the tracer makes the calls."""

    def generate_response(self, messages: Any, **kwargs: Any) -> str:
        """Unreachable while the tracer is attached."""
        raise RuntimeError("this memory was detached from memtrace, which makes its model calls")


class _Placeholder:
    """What Mem0's factories make until ours are put in; takes whatever they give."""

    def __init__(self, config: Any = None) -> None:
        self.config = config


def mem0_main() -> Any:
    """The module `mem0.memory.main`, imported without telemetry and with nothing at home.

    Raises:
        UserError: Mem0 was imported before with its telemetry on.
    """
    if "mem0" not in sys.modules:
        os.environ.setdefault("MEM0_TELEMETRY", "False")
        if "MEM0_DIR" not in os.environ:
            folder = os.environ["MEM0_DIR"] = tempfile.mkdtemp(prefix="memtrace-mem0-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
    require("mem0", extra="memtrace-llm[mem0]")
    main = import_module("mem0.memory.main")
    if import_module("mem0.memory.telemetry").MEM0_TELEMETRY:
        raise UserError(
            "mem0 was imported with its telemetry on, which asks the network at every call; set "
            "MEM0_TELEMETRY=False in the environment, or import memtrace's memory first"
        )
    return main


def build_memory(embedder: Embedder, *, instructions: str = "", entities: bool = False) -> Any:
    """An empty memory.

    Args:
        embedder: Makes the vectors.
        instructions: `custom_instructions` of the additive line.
        entities: Open the additive line's collection of entities.
    """
    main = mem0_main()
    prompts = import_module("mem0.configs.prompts")
    freeze(main, import_module("mem0.memory.storage"), prompts)
    factory = import_module("mem0.utils.factory")
    place = f"{_Placeholder.__module__}.{_Placeholder.__qualname__}"
    base = import_module("mem0.configs.llms.base").BaseLlmConfig
    factory.LlmFactory.provider_to_class[_PROVIDER] = (place, base)
    factory.EmbedderFactory.provider_to_class[_PROVIDER] = place
    client = require("qdrant_client", extra="memtrace-llm[mem0]").QdrantClient(":memory:")
    base_config = import_module("mem0.configs.base")
    parts = {
        # Mem0 checks providers against a fixed list; `model_construct` lets ours through.
        "llm": base_config.LlmConfig.model_construct(provider=_PROVIDER, config={}),
        "embedder": base_config.EmbedderConfig.model_construct(provider=_PROVIDER, config={}),
        "vector_store": base_config.VectorStoreConfig(provider="qdrant", config={
            "client": client, "collection_name": "memories",
            "embedding_model_dims": embedder.dim,
        }),
        "history_db_path": ":memory:",
    }  # fmt: skip
    if instructions:
        parts["custom_instructions"] = instructions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # local Qdrant says that it needs no index
        memory = main.Memory(base_config.MemoryConfig(**parts))
        stores = [memory.vector_store, *([memory.entity_store] if entities else [])]
    for store in stores:
        # Keyword search needs a model that would be fetched: said to have been tried and failed.
        store._bm25_encoder = False
    memory.llm, memory.embedding_model = OurLlm(), OurEmbeddings(embedder)
    return memory
