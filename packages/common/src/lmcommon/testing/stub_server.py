"""An OpenAI-compatible server on this machine that misbehaves on demand.

In: a reply function and faults to commit, in order. Out: real HTTP on a free loopback port, and a
record of what came. For tests of clients, retries, budgets and caches without a network.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lmcommon.testing.stub_replies import (
    Reply,
    chat_payload,
    completion_payload,
    default_reply,
    embedding_payload,
    tokenize_payload,
)

__all__ = ["Fault", "Received", "StubServer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One misbehaviour, instead of a reply or before it.

    Example:
        `Fault(status=429, headers={"Retry-After": "2"})`
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """Sent as it is. None: the usual reply, or an error object for a status that is not 200."""
    delay_s: float = 0.0
    hang_up: bool = False
    """Close the connection without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request that came in."""

    path: str
    body: Mapping[str, Any]
    authorization: str | None
    time_s: float
    """On the `time.monotonic` clock."""


class StubServer:
    """A server for the length of a `with` block.

    Args:
        reply: From the body of a chat completion to the text of the reply.
        faults: Committed by the first POST requests, one each.
        latency_s: Every reply takes so long.
        model: The name that `/models` lists; other names get HTTP 404.
        key: Required as bearer token; None: anyone may call.
        knows_schemas: Whether `response_format` is accepted, else HTTP 400.

    Example:
        >>> with StubServer(latency_s=0) as server:
        ...     server.base_url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        reply: Reply = default_reply,
        *,
        faults: Iterable[Fault] = (),
        latency_s: float = 0.0,
        model: str = "stub",
        key: str | None = None,
        knows_schemas: bool = True,
    ) -> None:
        self.reply = reply
        self.model = model
        self.key = key
        self.knows_schemas = knows_schemas
        self.latency_s = latency_s
        self.received: list[Received] = []
        """POST requests, in order of arrival."""
        self.max_at_once = 0
        """The most POST requests that were under way together."""
        self._faults = deque(faults)
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._port, self._is_up = 0, False
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where it listens, up to `/v1`."""
        assert self._server is not None, "the server runs inside its `with` block only"
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> StubServer:
        self._listen(0)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self.take_down()

    def take_down(self) -> None:
        """Refuse connections from now on, as a server that is gone does."""
        self._is_up = False
        if self._thread is not None:
            assert self._server is not None
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._thread = None

    def bring_up(self) -> None:
        """Listen again, at the same address."""
        self._listen(self._port)

    def _listen(self, port: int) -> None:
        self._server = _Server(self, port)
        self._port = self._server.server_address[1]
        self._is_up = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self._is_up

    def begin(self, received: Received) -> Fault | None:
        """Note a request; returns the fault to commit."""
        with self._lock:
            self.received.append(received)
            self._at_once += 1
            self.max_at_once = max(self.max_at_once, self._at_once)
            return self._faults.popleft() if self._faults else None

    def end(self) -> None:
        """Note that a request is done."""
        with self._lock:
            self._at_once -= 1

    def wait(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the `with` block."""
        if seconds > 0:
            self._closing.wait(seconds)

    def answer(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Status and JSON for a well-meant request."""
        if path.endswith("/tokenize"):
            return 200, tokenize_payload(body)
        if path.endswith("/embeddings"):
            return 200, embedding_payload(body)
        if body.get("model") != self.model:
            return 404, _error(f"The model {body.get('model')!r} does not exist", "not_found")
        if "response_format" in body and not self.knows_schemas:
            return 400, _error("response_format is not supported", "bad_request")
        if path.endswith("/chat/completions"):
            return 200, chat_payload(body, self.reply)
        if path.endswith("/completions"):
            return 200, completion_payload(body)
        return 404, _error(f"no such path: {path}", "not_found")

    def models(self) -> dict[str, Any]:
        """What GET `/models` returns."""
        return {"object": "list", "data": [{"id": self.model, "object": "model"}]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stub: StubServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stub = stub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests, not an error to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        if not self._is_allowed():
            return
        if self.path.endswith("/models"):
            self._send(200, json.dumps(self.server.stub.models()))
        else:
            self._send(404, json.dumps(_error(f"no such path: {self.path}", "not_found")))

    def do_POST(self) -> None:
        stub = self.server.stub
        size = int(self.headers.get("Content-Length") or 0)
        if not stub.is_up:  # a connection from before it went down
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.loads(self.rfile.read(size) or b"{}")
        received = Received(
            path=self.path,
            body=body,
            authorization=self.headers.get("Authorization"),
            time_s=time.monotonic(),
        )
        fault = stub.begin(received)
        try:
            stub.wait(stub.latency_s + (fault.delay_s if fault else 0.0))
            self._respond(body, fault)
        finally:
            stub.end()

    def _respond(self, body: Mapping[str, Any], fault: Fault | None) -> None:
        if fault is not None and fault.hang_up:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault is not None and (fault.status != 200 or fault.body is not None):
            text = fault.body
            if text is None:
                text = json.dumps(_error("a fault on demand", "stub"))
            self._send(fault.status, text, fault.headers)
        elif self._is_allowed():
            status, payload = self.server.stub.answer(self.path, body)
            self._send(status, json.dumps(payload))

    def _is_allowed(self) -> bool:
        came = self.headers.get("Authorization")
        key = self.server.stub.key
        if key is None or came == f"Bearer {key}":
            return True
        # Some servers repeat the refused key: clients must not pass it on.
        self._send(401, json.dumps(_error(f"Incorrect key provided: {came}", "auth")))
        return False

    def _send(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "code": code}}
