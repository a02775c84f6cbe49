"""llama.cpp in this process: one wheel, no torch, quantised weights, JSON schemas by grammar.

In: a bundled name or a `.gguf` file. Out: a `ChatModel` that talks to llama.cpp's own server,
which the package `xllamacpp` embeds and which listens on a free port of the loopback interface.
The server starts at the first use. Its integer kernels round differently from float32, so a near
tie can fall the other way than with `LocalModel`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.llm.base import Tell
from lmcommon.llm.budget import Meter
from lmcommon.llm.bundled import BUNDLED_MODELS, bundled_gguf
from lmcommon.llm.openai_compatible import OpenAIChat
from lmcommon.llm.types import (
    ChatRequest,
    ChatResponse,
    ModelFailure,
    ScoreRequest,
    ScoreResponse,
)
from lmcommon.llm.weights import weights_identity

__all__ = ["LlamaCppModel"]


@dataclass
class _Running:
    """A started server, its client, and what has to stay until it ends."""

    server: Any
    client: OpenAIChat
    files: ExitStack


class LlamaCppModel:
    """A GGUF model behind an embedded llama.cpp server. Thread-safe.

    Args:
        model: A bundled name (see `lmcommon.llm.bundled`) or a `.gguf` file.
        context: Longest prompt plus reply in tokens, for each of the parallel slots.
        parallel: Requests decoded at once.
        threads: CPU threads; None leaves llama.cpp's choice.
        gpu_layers: Layers to put on a GPU, where the installed build has one.
        timeout_s: For one request.
        wheels: Folder of downloaded wheels, for bundled models that are not installed.
        meter: Counts and limits what is used.

    It cannot score given text: `score` returns failures of kind `unsupported`.
    """

    def __init__(
        self,
        model: str | Path = "smollm2",
        *,
        context: int = 4096,
        parallel: int = 4,
        threads: int | None = None,
        gpu_layers: int = 0,
        timeout_s: float = 600.0,
        wheels: str | Path | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._model = str(model)
        self._context, self._parallel, self._threads = context, parallel, threads
        self._gpu_layers, self._timeout_s, self._wheels = gpu_layers, timeout_s, wheels
        self._meter = meter
        self._running: _Running | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"LlamaCppModel({self._model!r})"

    @property
    def name(self) -> str:
        """`smollm2-135m-instruct-gguf` and the like; the file's name without its ending."""
        asset = BUNDLED_MODELS.get(self._model)
        return f"{asset.full_name}-gguf" if asset else Path(self._model).stem

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Digest of the file and the context length; port, threads and slots do not matter."""
        return {"kind": "llamacpp", **weights_identity(self._model), "context": self._context}

    def check(self) -> None:
        """Start the server and ask it for its models."""
        self._client().check()

    def generate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """Answer a batch, `parallel` at a time."""
        return self._client().generate(requests) if requests else []

    async def agenerate(self, requests: Sequence[ChatRequest]) -> list[ChatResponse]:
        """The same, without blocking the event loop (but for the start of the server)."""
        return await self._client().agenerate(requests) if requests else []

    def generate_telling(self, requests: Sequence[ChatRequest], tell: Tell) -> list[ChatResponse]:
        """`generate`, with each answer told as soon as it is there."""
        return self._client().generate_telling(requests, tell) if requests else []

    async def agenerate_telling(
        self, requests: Sequence[ChatRequest], tell: Tell
    ) -> list[ChatResponse]:
        """The same without blocking the event loop."""
        return await self._client().agenerate_telling(requests, tell) if requests else []

    def score(self, requests: Sequence[ScoreRequest]) -> list[ScoreResponse]:
        """Not supported by the server: one failure a request."""
        message = "llama.cpp's server does not score given text; use llm=local or llm=vllm"
        failure = ModelFailure(kind="unsupported", message=message, attempts=0)
        return [ScoreResponse(failure=failure, model=self.name) for _ in requests]

    def close(self) -> None:
        """Stop the server. Idempotent; the next call starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.client.close()
            running.server = None  # the server stops when it is let go
            running.files.close()

    def _client(self) -> OpenAIChat:
        with self._lock:
            if self._running is None:
                self._running = self._start()
            return self._running.client

    def _start(self) -> _Running:
        library = require("xllamacpp", extra="lmcommon[llamacpp]")
        files = ExitStack()
        try:
            path = self._file(files)
            server = library.Server(self._params(library, path))
        except RuntimeError as error:
            files.close()
            raise UserError(
                f"llama.cpp cannot serve {self._model!r} ({error}); expected a .gguf file of a "
                "chat model and enough memory for its context"
            ) from error
        except BaseException:
            files.close()
            raise
        client = OpenAIChat(
            self.name,
            base_url=f"{server.listening_address}/v1",
            api_key_env=None,
            timeout_s=self._timeout_s,
            concurrency=self._parallel,
            meter=self._meter,
        )
        return _Running(server, client, files)

    def _file(self, files: ExitStack) -> Path:
        if self._model in BUNDLED_MODELS:
            return files.enter_context(bundled_gguf(self._model, wheels=self._wheels))
        path = Path(self._model).expanduser()
        if not path.is_file():
            known = ", ".join(BUNDLED_MODELS)
            raise UserError(
                f"llm.model: expected a .gguf file or one of {known}; got {self._model!r}"
            )
        return path

    def _params(self, library: Any, path: Path) -> Any:
        params = library.CommonParams()
        params.model.path = str(path)
        params.model_alias = {self.name}
        params.n_parallel = self._parallel
        params.n_ctx = self._context * self._parallel  # the slots share it evenly
        params.n_gpu_layers = self._gpu_layers
        params.hostnames, params.port = ["127.0.0.1"], 0
        params.ui = False
        params.verbosity = -1
        if self._threads is not None:
            params.cpuparams.n_threads = self._threads
        # llama.cpp cuts the distribution by default; `Sampling` alone shall decide.
        params.sampling.top_k, params.sampling.top_p, params.sampling.min_p = 0, 1.0, 0.0
        return params
