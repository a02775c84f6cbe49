"""The verb rtt-relevance: a discriminator behind a small HTTP server.

For runs on other machines, or several at once: relevance=discriminator_server relevance.url=...
It stays until it is stopped.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.discriminator.serving.keeping import KeptReader
from rtt.discriminator.serving.pair_file import PairFile
from rtt.discriminator.serving.server import RelevanceServer
from rtt.relevance.served import DiscriminatorSource

__all__ = ["RelevanceConfig", "main", "serve_relevance"]


@dataclass(kw_only=True)
class RelevanceConfig(DiscriminatorSource):
    """Configuration of rtt-relevance."""

    host: str = "127.0.0.1"
    """Where to listen; what is asked and told is not encrypted."""
    port: int = 8010
    """0: any free one."""
    token: str = ""
    """What clients must send; empty: what the variable RTT_RELEVANCE_TOKEN says, or nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.port <= 65535:
            raise UserError(f"port: expected 0 to 65535; got {self.port!r}")


def serve_relevance(config: RelevanceConfig, run: Run) -> dict[str, Any]:
    """Serve a discriminator over HTTP, for relevance=discriminator_server of any run."""
    if not config.folder:
        raise UserError(
            "folder: expected the folder of a trained discriminator, got nothing; "
            "rtt-relevance FOLDER"
        )
    torch.set_num_threads(config.threads)
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        file = PairFile(config.cache, megabytes=config.cache_mb) if config.cache else None
        reader = KeptReader(config.reader(), megabytes=config.remember_mb, file=file)
        token = config.token or os.environ.get("RTT_RELEVANCE_TOKEN", "")
        with (
            closing(reader),
            RelevanceServer(reader, host=config.host, port=config.port, token=token) as server,
        ):
            where = ", ".join(config.devices) or config.device
            run.console.print(
                f"{server.url}: {config.folder} on {where}, sha256 {server.digest[:12]}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
            if not token and not is_loopback(config.host):
                run.console.print(
                    f"whoever reaches {config.host} may ask; give token=... or set "
                    "RTT_RELEVANCE_TOKEN on both sides to keep others out",
                    markup=False, highlight=False, soft_wrap=True,
                )  # fmt: skip
            ended.wait()
            told = server.health()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return {
        "url": server.url, "digest": server.digest, "pairs": told["pairs"],
        "batches": told["batches"], "asked": reader.asked,
    }  # fmt: skip


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


main = entrypoint(
    "rtt/relevance",
    RelevanceConfig,
    serve_relevance,
    groups={},
    positional=("folder",),
    keeps_run=False,
)

if __name__ == "__main__":
    main()
