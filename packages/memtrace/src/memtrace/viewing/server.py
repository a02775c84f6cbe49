"""The page as a small HTTP server on this machine, for one person.

In: a site. Out: `/` (the page), `/assets/...`, `/api/...`. Whoever opens the start address, with
its token, gets a cookie; nothing is told without it. The name in `Host` must be this server's own
(a page elsewhere cannot rebind its name to us), pages elsewhere may not post, and what we send may
load nothing from elsewhere.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lmcommon.errors import UserError
from lmcommon.runlog import finite
from memtrace.viewing.guarding import SECURITY, Guard
from memtrace.viewing.routes import find_route
from memtrace.viewing.shipped import content_type, read_assets
from memtrace.viewing.site import Site
from memtrace.viewing.types import Ask, RefusedError

__all__ = ["PageServer"]

_LARGEST = 4 * 2**20
"""Bytes of a body at most."""
_JSON = "application/json"
_UNKNOWN = (
    "expected the token of memtrace-view, or its cookie; got neither; open the address that "
    "memtrace-view printed"
)


class PageServer:
    """Serves a site from threads of its own, until `close()`.

    Args:
        site: What is served; closed by who made it.
        host: Where to listen.
        port: 0: any free one.

    Raises:
        UserError: The address cannot be had.
    """

    def __init__(self, site: Site, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.site = site
        self.assets = read_assets()
        self.requests = 0
        try:
            self._http = _Http(self, host, port)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"expected a free address to serve at; got {host}:{port} ({error}); "
                "give another port="
            ) from error
        self.guard = Guard(host, int(self._http.server_address[1]))
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.hang_up()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, page: PageServer, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)
        self.page = page

    def finish_request(self, request: Any, client_address: Any) -> None:
        """One connection, over all its requests."""
        with self._lock:
            self._lines.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._lines.discard(request)

    def hang_up(self) -> None:
        """End the connections that browsers keep for further requests."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            with suppress(OSError):  # it has just ended by itself
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def version_string(self) -> str:
        """Who answers, without versions."""
        return "memtrace-view"

    def end_headers(self) -> None:
        """With what every response must say."""
        for name, value in SECURITY.items():
            self.send_header(name, value)
        super().end_headers()

    def do_GET(self) -> None:
        """The page, its files, or data."""
        if {"Content-Length", "Transfer-Encoding"} & set(self.headers):
            self.close_connection = True  # a body that nobody reads is not the next request
        self._answer(self._get)

    def do_POST(self) -> None:
        """Something is to be done."""
        self._answer(self._post)

    # Inside ---------------------------------------------------------------------------------

    def _answer(self, work: Callable[[], None]) -> None:
        self.server.page.requests += 1
        try:
            host = self.headers.get("Host", "")
            if not self.server.page.guard.is_own(host):
                self.close_connection = True
                raise RefusedError(f"expected the name of this server in Host; got {host!r}", 403)
            work()
        except RefusedError as error:
            self._fail(error.status, str(error))
        except UserError as error:
            self._fail(400, str(error))
        except KeyError as error:
            self._fail(404, str(error.args[0]) if error.args else "not found")
        except ValueError as error:
            self._fail(400, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # the border to the browser: it goes there as text
            self._fail(500, f"{type(error).__name__}: {error}")

    def _get(self) -> None:
        page, parts = self.server.page, urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        is_new = parts.path == "/" and page.guard.is_token(query.get("token", ""))
        if not is_new:
            self._check_cookie()
        if parts.path.startswith("/api/"):
            route, name = find_route("GET", parts.path.removeprefix("/api/"))
            self._json(200, route(page.site, Ask(name=name, query=query)))
        elif (body := page.assets.get(parts.path)) is not None:
            cookie = {"Set-Cookie": page.guard.set_cookie} if is_new else {}
            self._send(200, body, content_type(parts.path), cookie)
        else:
            raise RefusedError(f"expected an address of the page; got {parts.path!r}", 404)

    def _post(self) -> None:
        # Until all is well the body is not read: nobody without the cookie fills the memory.
        is_kept, self.close_connection = not self.close_connection, True
        self._check_cookie()
        origin = self.headers.get("Origin")
        if origin is not None and not self.server.page.guard.is_own(urlsplit(origin).netloc):
            raise RefusedError(f"expected a request of the page itself; got one of {origin!r}", 403)
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != _JSON:
            raise RefusedError(f"expected Content-Type: {_JSON}; got {kind!r}", 415)
        size = self.headers.get("Content-Length", "")
        if not (size.isascii() and size.isdigit()):
            raise RefusedError(f"expected a Content-Length; got {size!r}", 411)
        if len(size) > len(str(_LARGEST)) or int(size) > _LARGEST:
            raise RefusedError(f"expected a body of at most {_LARGEST} bytes; got {size}", 413)
        body = self.rfile.read(int(size))
        self.close_connection = not is_kept
        path = urlsplit(self.path).path
        if not path.startswith("/api/"):
            raise RefusedError(f"expected an address below /api/; got {path!r}", 404)
        route, name = find_route("POST", path.removeprefix("/api/"))
        self._json(200, route(self.server.page.site, Ask(name=name, body=_object(body))))

    def _check_cookie(self) -> None:
        if not self.server.page.guard.knows(self.headers.get("Cookie", "")):
            raise RefusedError(_UNKNOWN, 403)

    def _fail(self, status: int, message: str) -> None:
        self._json(status, {"error": message})

    def _json(self, status: int, data: Any) -> None:
        # Escapes for all but ASCII: half a surrogate pair is no UTF-8.
        body = json.dumps(finite(data), allow_nan=False, default=repr).encode()
        self._send(status, body, _JSON)

    def _send(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _object(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"expected a JSON object; got {body[:60]!r} ({error})") from error
    if not isinstance(found, dict):
        raise RefusedError(f"expected a JSON object; got {body[:60]!r}")
    return found
