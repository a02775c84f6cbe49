"""The options of the group `memory`, each with the schema of its configuration.

Apart from `memory.config`, because systems that come as packages derive their configurations from
the ones there. Imports no package: a configuration is light.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from memtrace.memory.config import LongContextConfig, RagConfig
from memtrace.memory.langmem.config import LangMemConfig

__all__ = ["MEMORY_SCHEMAS"]

MEMORY_SCHEMAS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "long_context": LongContextConfig,
        "rag_dense": RagConfig,
        "rag_bm25": RagConfig,
        "rag_hybrid": RagConfig,
        "langmem": LangMemConfig,
    }
)
"""Option of the group `memory` to its schema."""
