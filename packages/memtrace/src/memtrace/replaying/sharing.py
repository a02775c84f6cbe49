"""One embedder for all replays of a trace, and one vector a text.

A configuration builds its embedder itself; here it gets a stand-in that gives out the same one
again, with vectors kept beside the trace. `described` sees through it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcommon.embed import CachedEmbedder, Embedder
from memtrace.memory.specs import described

__all__ = ["SharedEmbedders"]


class _Shared:
    """Stands for the configuration of an embedder that was built already."""

    def __init__(self, original: Any, embedder: Embedder) -> None:
        self.original, self._embedder = original, embedder

    def build(self) -> Embedder:
        return self._embedder


class SharedEmbedders:
    """Embedders by configuration, each built once.

    Args:
        path: File of vectors; None: memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._built: dict[str, CachedEmbedder] = {}
        self._lock = threading.Lock()

    def sharing(self, config: Any) -> Any:
        """The configuration of a memory system, its embedder replaced by the shared one."""
        embed = getattr(config, "embed", None)
        if embed is None or isinstance(embed, _Shared):
            return config
        key = json.dumps(described(embed), sort_keys=True)
        with self._lock:
            if key not in self._built:
                self._built[key] = CachedEmbedder(embed.build(), self._path)
            return replace(config, embed=_Shared(embed, self._built[key]))

    def close(self) -> None:
        """Close the embedders."""
        for embedder in self._built.values():
            embedder.close()
