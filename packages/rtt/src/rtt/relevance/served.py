"""Settings of a discriminator as relevance source: in this process, in others, behind a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lmcommon.errors import UserError
from rtt.discriminator.reading import Reader, ReadSettings
from rtt.discriminator.serving.base import CharacterReader
from rtt.discriminator.serving.client import RemoteReader
from rtt.discriminator.serving.pair_file import PairFile
from rtt.relevance.discriminator import DiscriminatorRelevance

__all__ = ["DiscriminatorServerSource", "DiscriminatorSource", "load_reader"]


@dataclass(kw_only=True)
class _Keeping:
    """What is kept of pairs that were read."""

    remember_mb: float = 64.0
    """Memory for pairs that were read, in megabytes; 0: none is kept."""
    cache: str | None = None
    """A file for them that runs share; null: they are forgotten at the end."""
    cache_mb: float = 4096.0
    """About how large the file may get; the oldest pairs go first."""

    def _relevance(self, reader: CharacterReader) -> DiscriminatorRelevance:
        file = PairFile(self.cache, megabytes=self.cache_mb) if self.cache else None
        return DiscriminatorRelevance(discriminator=reader, remember_mb=self.remember_mb, file=file)

    def _check_keeping(self) -> None:
        for key in ("remember_mb", "cache_mb"):
            if getattr(self, key) < 0:
                raise UserError(
                    f"relevance.{key}: expected 0 or more megabytes; got {getattr(self, key)!r}"
                )


@dataclass(kw_only=True)
class DiscriminatorSource(_Keeping):
    """A trained discriminator; `build` loads it, here or in processes of its own."""

    folder: str = ""
    """What `TokenDiscriminator.save` wrote, or a hub id."""
    device: str = "cpu"
    devices: list[str] = field(default_factory=list)
    """One process of its own a device, such as [cuda:2,cuda:3] or [cpu,cpu]; empty: it runs in
    this process, on `device`."""
    context: int | None = None
    """Most tokens in a row; None: what the model was made for."""
    batch_tokens: int = 0
    """Most tokens in a batch, padding included; 0: 2,048 on a CPU, 16,384 elsewhere."""
    precision: str = "fp32"
    """fp32, bf16 or fp16, of weights and activations."""
    compile: bool = False
    """Whether torch.compile translates the model."""
    share: bool = True
    """Whether a causal model may read what several pairs begin with once."""
    threads: int = 1
    """CPU threads of each process of its own; in this process they are the run's."""

    def __post_init__(self) -> None:
        self._check_keeping()
        if self.threads < 1:
            raise UserError(f"relevance.threads: expected at least 1; got {self.threads!r}")
        self.settings()

    def check_named(self) -> None:
        """Raises `UserError` if no folder was given."""
        if not self.folder:
            raise UserError(
                "relevance.folder: expected the folder of a trained discriminator, got nothing; "
                "give relevance.folder=..., or take relevance=spans"
            )

    def settings(self) -> ReadSettings:
        """How it reads."""
        return ReadSettings(
            batch_tokens=self.batch_tokens, precision=self.precision,  # type: ignore[arg-type]
            compile=self.compile, share=self.share,
        )  # fmt: skip

    def reader(self) -> CharacterReader:
        """Load the discriminator, without any memory of pairs.

        Raises:
            UserError: No folder was given, it cannot be read, or a process did not start.
        """
        self.check_named()
        load = partial(
            load_reader, folder=self.folder, context=self.context, settings=self.settings()
        )
        if not self.devices:
            return load(self.device)
        from rtt.discriminator.serving.pool import ReaderPool

        return ReaderPool(load, list(self.devices), threads=self.threads)

    def build(self, scorer: Any = None) -> DiscriminatorRelevance:
        """Load the discriminator; see `reader`."""
        return self._relevance(self.reader())


def load_reader(
    device: str, *, folder: str, context: int | None, settings: ReadSettings
) -> CharacterReader:
    """A reader in this process. Raises `UserError` if the folder cannot be read."""
    from rtt.discriminator.model import TokenDiscriminator

    model = TokenDiscriminator.load(folder, context=context, device=device)
    return Reader(model, settings)


@dataclass(kw_only=True)
class DiscriminatorServerSource(_Keeping):
    """A discriminator that `rtt-relevance` serves."""

    url: str = "http://127.0.0.1:8010"
    token: str = ""
    """The server's; empty: what the variable RTT_RELEVANCE_TOKEN says."""
    timeout_s: float = 600.0
    """Of one request of at most 512 pairs."""
    retries: int = 5

    def __post_init__(self) -> None:
        self._check_keeping()
        if not self.timeout_s > 0:
            raise UserError(f"relevance.timeout_s: expected more than 0; got {self.timeout_s!r}")
        if self.retries < 0:
            raise UserError(f"relevance.retries: expected 0 or more; got {self.retries!r}")

    def reader(self) -> RemoteReader:
        """A client; nothing is asked yet.

        Raises:
            UserError: The address is none.
        """
        return RemoteReader(
            self.url, token=self.token or os.environ.get("RTT_RELEVANCE_TOKEN", ""),
            timeout_s=self.timeout_s, retries=self.retries,
        )  # fmt: skip

    def build(self, scorer: Any = None) -> DiscriminatorRelevance:
        """The source; the server is asked which discriminator it has.

        Raises:
            UserError: It cannot be reached.
        """
        reader = self.reader()
        _ = reader.digest  # now rather than at the first step
        return self._relevance(reader)
