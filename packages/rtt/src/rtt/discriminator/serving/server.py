"""A discriminator as a small HTTP server on this machine.

`GET /health` says what is served; `POST /relevances` reads pairs, in the form of `serving.wire`.
Requests that come at once are read together. Meant for the loopback or a network of one's own: a
token keeps others out, nothing is encrypted.
"""

from __future__ import annotations

import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lmcommon.errors import UserError
from rtt.discriminator.serving.base import CharacterReader
from rtt.discriminator.serving.gathering import Gatherer
from rtt.discriminator.serving.wire import VERSION, read_request, write_reply

__all__ = ["RelevanceServer"]

_LARGEST = 512 * 2**20
"""Bytes of a request at most."""


class RelevanceServer:
    """Serves a reader for the length of a `with` block.

    Args:
        reader: What reads; closed by who made it.
        host: Where to listen.
        port: 0: any free one.
        token: What requests must carry as `Authorization: Bearer ...`; empty: nothing.

    Raises:
        UserError: The address cannot be had.

    Example:
        `with RelevanceServer(reader) as server: RemoteReader(server.url)`
    """

    def __init__(
        self, reader: CharacterReader, *, host: str = "127.0.0.1", port: int = 0, token: str = ""
    ) -> None:
        self.facts = {
            "version": VERSION, "digest": reader.digest, "reads_question": reader.reads_question,
            "reads_verdict": reader.reads_verdict,
        }  # fmt: skip
        self.token = token
        try:
            self._http = _Http(self, host, port)
        except OSError as error:
            raise UserError(
                f"expected a free address to serve at, got {host}:{port} ({error}); "
                "give another port="
            ) from error
        self.gatherer = Gatherer(reader)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it is reached."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def digest(self) -> str:
        """Of what is served."""
        return str(self.facts["digest"])

    def health(self) -> dict[str, Any]:
        """What `GET /health` says."""
        return {
            **self.facts, "status": "ok", "pairs": self.gatherer.pairs,
            "batches": self.gatherer.batches, "waiting": self.gatherer.waiting,
        }  # fmt: skip

    def __enter__(self) -> RelevanceServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self.gatherer.close()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, served: RelevanceServer, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.served = served

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        """Say what is served."""
        if self.path != "/health":
            self._fail(404, f"no such path: {self.path}; there is GET /health")
        elif self._may():
            self._send(200, json.dumps(self.server.served.health()).encode())

    def do_POST(self) -> None:
        """Read pairs."""
        served, size = self.server.served, self.headers.get("Content-Length", "")
        is_kept, self.close_connection = not self.close_connection, True
        # Until all is well the body is not read: nobody without the token fills the memory.
        if self.path != "/relevances":
            return self._fail(404, f"no such path: {self.path}; there is POST /relevances")
        if not self._may():
            return None
        if not size.isdecimal() or int(size) > _LARGEST:
            return self._fail(413, f"expected a body of at most {_LARGEST} bytes; send fewer pairs")
        body = self.rfile.read(int(size))
        self.close_connection = not is_kept
        try:
            told = served.gatherer.relevances(read_request(body))
        except UserError as error:
            return self._fail(422, str(error))
        except ConnectionAbortedError as error:
            self.close_connection = True  # the next server at this address has its own
            return self._fail(503, str(error))
        except ValueError as error:
            return self._fail(400, str(error))
        except Exception as error:  # the border to other machines: it goes there as text
            return self._fail(500, f"{type(error).__name__}: {error}")
        return self._send(200, write_reply(served.digest, told))

    def _may(self) -> bool:
        token = self.server.served.token
        came = self.headers.get("Authorization", "")
        if not token or hmac.compare_digest(came.encode(), f"Bearer {token}".encode()):
            return True
        self._fail(401, "expected the token of the server in Authorization: Bearer ...")
        return False

    def _fail(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
