"""Embeddings from any OpenAI-compatible endpoint, through the official SDK.

In: texts. Out: unit vectors. The SDK's own retries (exponential back-off, `Retry-After`) are used.
The key comes from an environment variable only and appears in no identity, repr or error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmcommon.embed.base import Vectors, unit_rows
from lmcommon.errors import UserError
from lmcommon.extras import require

__all__ = ["OpenAIEmbedder"]


class OpenAIEmbedder:
    """A remote embedder. Thread-safe.

    Args:
        model: Name of the model at the endpoint.
        base_url: Such as `http://127.0.0.1:8000/v1`; None is OpenAI's own.
        api_key_env: Environment variable that holds the key; a loopback server needs none.
        batch: Texts a request.
        dimensions: Ask for shorter vectors, where the model can.
        timeout_s: For one request.
        retries: How often a failed request is repeated.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        batch: int = 64,
        dimensions: int | None = None,
        timeout_s: float = 60.0,
        retries: int = 4,
    ) -> None:
        self._model, self._base_url, self._key_env = model, base_url, api_key_env
        self._batch, self._dimensions = batch, dimensions
        self._timeout_s, self._retries = timeout_s, retries
        self._connected: Any = None
        self._dim: int | None = dimensions

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._model!r}, base_url={self._base_url!r})"

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    @property
    def identity(self) -> Mapping[str, Any]:
        """Model, endpoint and dimensions."""
        return {
            "kind": "openai",
            "model": self._model,
            "base_url": self._base_url,
            "dimensions": self._dimensions,
        }

    @property
    def dim(self) -> int:
        """Length of a vector; asks the endpoint once if it is not known yet."""
        if self._dim is None:
            self._dim = self.embed(["dimension"]).shape[1]
        return self._dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, [N, D]; an empty text counts as one space, which endpoints accept."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        rows: list[list[float]] = []
        for at in range(0, len(texts), self._batch):
            rows += self._request([text or " " for text in texts[at : at + self._batch]])
        vectors_ND = unit_rows(rows)
        self._dim = vectors_ND.shape[1]
        return vectors_ND

    def close(self) -> None:
        """Close the connections."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def _request(self, texts: list[str]) -> list[list[float]]:
        openai = require("openai", extra="lmcommon")
        options = {} if self._dimensions is None else {"dimensions": self._dimensions}
        try:
            reply = self._client(openai).embeddings.create(
                model=self._model, input=texts, encoding_format="float", **options
            )
        except openai.OpenAIError as error:
            problem = f"{type(error).__name__}: {error}"
            if key := os.environ.get(self._key_env):
                problem = problem.replace(key, "***")  # some servers repeat what they were sent
            raise UserError(
                f"embeddings from {self._base_url or 'OpenAI'} with the model {self._model!r} "
                f"failed ({problem}); check the endpoint, the model's name and the key in "
                f"{self._key_env}"
            ) from None
        found = sorted(reply.data, key=lambda item: item.index)
        if [item.index for item in found] != list(range(len(texts))):
            raise UserError(
                f"embeddings from {self._base_url}: expected {len(texts)} vectors, got {len(found)}"
            )
        return [list(item.embedding) for item in found]

    def _client(self, openai: Any) -> Any:
        if self._connected is None:
            self._connected = openai.OpenAI(
                base_url=self._base_url,
                api_key=os.environ.get(self._key_env) or self._no_key(),
                timeout=self._timeout_s,
                max_retries=self._retries,
            )
        return self._connected

    def _no_key(self) -> str:
        if self._base_url is None:
            raise UserError(
                f"embeddings: expected a key in the environment variable {self._key_env}; got none"
            )
        return "none"
