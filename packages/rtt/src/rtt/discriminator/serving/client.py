"""A discriminator that another process serves (`rtt-relevance`), as a reader.

In: the server's address. Out: relevances, asked for in requests of bounded size, again where the
server is away for a moment. A server that suddenly serves other weights is refused: one run would
be scored by two discriminators.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lmcommon.errors import UserError
from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked
from rtt.discriminator.serving.base import ToldReader
from rtt.discriminator.serving.wire import VERSION, read_reply, write_request

__all__ = ["RemoteReader"]

_MOST_PAIRS = 512
_MOST_CHARACTERS = 4_000_000
_AGAIN = frozenset({429, 502, 503, 504})


class RemoteReader(ToldReader):
    """Asks a server.

    Args:
        url: `http://host:port`, as the server prints it.
        token: The server's, if it has one.
        timeout_s: How long one request may take.
        retries: How often a request is sent again; waits 0.5, 1, 2, ... s (at most 30).

    Raises:
        UserError: The address is none.

    Example:
        `RemoteReader("http://127.0.0.1:8010").relevances([("No commas.", "Well, yes.")])`
    """

    def __init__(
        self, url: str, *, token: str = "", timeout_s: float = 600.0, retries: int = 5,
        wait_s: float = 0.5,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(
                f"relevance.url: expected http://host:port of rtt-relevance; got {url!r}"
            )
        self.url = url.rstrip("/")
        self._parts, self._token = parts, token
        self._timeout_s, self._retries, self._wait_s = timeout_s, retries, wait_s
        self._connection: http.client.HTTPConnection | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the server served when first asked."""
        return str(self._facts["digest"])

    @cached_property
    def _facts(self) -> dict[str, Any]:
        body = self._request("GET", "/health")
        try:
            told = dict(json.loads(body))
            version = told["version"]
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"relevance.url: expected rtt-relevance at {self.url}, got a reply of another "
                f"program ({body[:60]!r}); give the address that rtt-relevance prints"
            ) from error
        if version != VERSION:
            raise UserError(
                f"relevance.url: expected a server of format {VERSION}, got {version!r} at "
                f"{self.url}; run the same version on both sides"
            )
        return told

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        """Relevance of every character; see `CharacterReader`.

        Raises:
            UserError: The server cannot be reached, refuses, or serves other weights than before.
        """
        asked = [Asked(*pair) for pair in pairs]
        if not self.reads_question:
            asked = [Asked(one.criterion, one.response) for one in asked]
        distinct = list(dict.fromkeys(asked))
        told: dict[Asked, Chars] = {}
        for part in _parts(distinct):
            body = self._request("POST", "/relevances", write_request(part))
            try:
                digest, read = read_reply(body, part)
            except ValueError as error:
                raise UserError(
                    f"relevance.url: expected a reply of rtt-relevance from {self.url}, {error}"
                ) from error
            self._check(digest)
            told |= dict(zip(part, read, strict=True))
        return [told[one] for one in asked]

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _check(self, digest: str) -> None:
        if digest != self.digest:
            raise UserError(
                f"relevance.url: expected the discriminator that the run began with (sha256 "
                f"{self.digest[:12]}); {self.url} now serves {digest[:12]}; serve the first one "
                "again, or start a new run"
            )

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Body of a reply with status 200."""
        wait_s, why = self._wait_s, ""
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, 30.0)
            try:
                status, told = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                why = f"{type(error).__name__}: {error}"
                continue
            if status == 200:
                return told
            why = f"HTTP {status}: {_message(told)}"
            if status not in _AGAIN:
                break
        raise UserError(
            f"relevance.url: expected an answer of rtt-relevance at {self.url}, got {why}; is it "
            "running (rtt-relevance FOLDER), and is relevance.token its token?"
        )

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            host = self._parts.hostname or ""
            self._connection = kind(host, self._parts.port, timeout=self._timeout_s)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._connection.request(method, self._parts.path.rstrip("/") + path, body, headers)
        reply = self._connection.getresponse()
        return reply.status, reply.read()


def _parts(pairs: Sequence[Asked]) -> Iterator[list[Asked]]:
    part: list[Asked] = []
    room = _MOST_CHARACTERS
    for pair in pairs:
        size = sum(map(len, pair))
        if part and (len(part) >= _MOST_PAIRS or size > room):
            yield part
            part, room = [], _MOST_CHARACTERS
        part.append(pair)
        room -= size
    if part:
        yield part


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
