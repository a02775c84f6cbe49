"""Weights on their way to a server's workers: no file stays, whatever the server says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from rtt.train.trl.cpu_generation import generation_on_cpu


class Server:
    """Notes where it was told to look; may be gone."""

    base_url = "http://server"

    def __init__(self, *, is_gone: bool = False) -> None:
        self.session, self.is_gone = self, is_gone
        self.seen: list[Path] = []

    def post(self, url: str, json: dict[str, Any]) -> Any:
        if json["method"] == "rtt_load_weights":
            file = Path(json["args"][0])
            assert file.is_file()
            self.seen.append(file)
            if self.is_gone:
                raise ConnectionError("refused")
        return SimpleNamespace(status_code=200, json=lambda: {"results": [{"version": 1}]})

    def reset_prefix_cache(self) -> None:
        """Nothing is cached."""


class Theirs:
    """What is used of TRL's class."""

    def __init__(self, client: Server) -> None:
        self.vllm_client, self.accelerator = client, SimpleNamespace(is_main_process=True)
        self.model, self._pushes, self._asked = torch.nn.Linear(1, 1), 0, 0.5

    def _iter_named_params(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.model.named_parameters()


@pytest.mark.parametrize("is_gone", [False, True])
def test_no_file_of_weights_stays(is_gone: bool) -> None:
    pytest.importorskip("safetensors")
    server = Server(is_gone=is_gone)
    generation = generation_on_cpu(Theirs, "server")(server)
    if is_gone:
        with pytest.raises(ConnectionError):
            generation.sync_weights()
    else:
        generation.sync_weights()
    assert len(server.seen) == 1
    assert not server.seen[0].parent.exists()
