"""A server that answers as vLLM's does where our engine asks, without a model behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from safetensors.torch import load_file
from torch import Tensor


class VllmStub(ThreadingHTTPServer):
    """Remembers what it was asked; every response is one token that ends it."""

    daemon_threads = True

    def __init__(self, end_id: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.end_id, self.version, self.torn = end_id, -1, 0
        self.asked: list[str] = []
        self.weights: dict[str, Tensor] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        method = body.get("method", path)
        self.asked.append(method)
        if path == "/v1/models":
            return {"data": [{"id": "policy"}]}
        if method == "rtt_load_weights":
            self.weights, self.version = load_file(body["args"][0]), int(body["args"][1])
        if path == "/collective_rpc":
            return {"results": [{"version": self.version}]}
        if path == "/v1/completions":
            drawn = {"token_ids": [self.end_id], "logprobs": {"token_logprobs": [-1.0]}}
            return {"choices": [drawn]}
        return {"success": True}


class _Handler(BaseHTTPRequestHandler):
    server: VllmStub

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        told = json.dumps(self.server.answer(self.path, body)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if self.path == "/v1/completions" and self.server.torn:
            self.server.torn -= 1
            told = told[:5]  # as one that dies while it answers
        self.wfile.write(told)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def vllm_stub(end_id: int) -> Iterator[VllmStub]:
    server = VllmStub(end_id)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
