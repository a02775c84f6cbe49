"""What a discriminator is made of: the group `backbone` of the verbs, one class an option.

Every one has `build(texts, seed=...)`: texts for those that make their own tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from lmcommon.embed.sentence_transformer import BundledEmbedder
from lmcommon.errors import UserError
from lmcommon.llm.bundled import bundled_folder
from lmcommon.rng import seed_for
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.tiny import TinyDiscriminator

__all__ = ["BACKBONE_SCHEMAS", "Backbone", "PretrainedBackbone"]

_BUNDLED = "bundled:"
_ENCODER = "bundled:minilm"


class Backbone(Protocol):
    """What every option of the group can do."""

    def build(self, texts: Iterable[str], *, seed: int) -> TokenDiscriminator:
        """A discriminator that has not learned yet."""
        ...


@dataclass(kw_only=True)
class PretrainedBackbone:
    """A fresh head on a model that exists already, causal or an encoder.

    Example:
        `PretrainedBackbone(path="Qwen/Qwen3-4B-Base")` is the paper's for Qwen policies;
        `PretrainedBackbone(path="bundled:minilm")` is an encoder of 22M parameters out of the
        package index.
    """

    path: str = _ENCODER
    """A folder, a hub id, `bundled:minilm`, or `bundled:smollm2`; also a trained discriminator,
    whose head is kept."""
    context: int | None = None
    """Most tokens in a row; null: what the model was made for."""
    trained: bool = False
    """Whether it is a trained discriminator that goes on learning."""

    def build(self, texts: Iterable[str] = (), *, seed: int) -> TokenDiscriminator:
        """Load it; texts are not needed.

        Raises:
            UserError: There is no such model.
        """
        if not self.path.strip():
            raise UserError("backbone.path: expected a folder or a hub id; got nothing")
        if self.trained:
            return TokenDiscriminator.load(self._source(), context=self.context)
        return TokenDiscriminator.start(
            self._source(), seed=seed_for(seed, "head"), context=self.context
        )

    def _source(self) -> str:
        if self.path == _ENCODER:
            return str(BundledEmbedder().folder)
        if self.path.startswith(_BUNDLED):
            return str(bundled_folder(self.path.removeprefix(_BUNDLED)))
        return self.path


BACKBONE_SCHEMAS: Mapping[str, type] = MappingProxyType(
    {"tiny": TinyDiscriminator, "pretrained": PretrainedBackbone}
)
"""Options of the group `backbone`."""
