"""Sending spans to an OTLP endpoint over HTTP: protobuf, gzip, retries as the protocol asks.

429, 502, 503, 504 and a connection that fails are tried again, after the time the receiver names or
else after a growing one. Everything else is told at once.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from lmcommon.errors import UserError
from memtrace.interchange.otlp.proto import partial_success

__all__ = ["Endpoint"]

_RETRIED = frozenset({429, 502, 503, 504})
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_HINTS = {
    400: "the receiver could not read the request",
    401: "give the key it wants as headers={'authorization': 'Bearer ...'}",
    403: "the key in headers= may not write here",
    404: "give the whole address, such as http://localhost:4318/v1/traces",
    405: "give the whole address, such as http://localhost:4318/v1/traces",
    413: "choose a smaller batch=, or cut values by max_value_chars=",
    415: "the receiver takes no protobuf over HTTP at this address",
}


class Endpoint:
    """An OTLP/HTTP receiver of traces.

    Args:
        url: Its address; `/v1/traces` is put behind one that has no path.
        headers: More headers, such as keys.
        timeout_s: How long one request may take.
        retries: How often a request that failed for the moment is tried again.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float, retries: int
    ) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise UserError(f"expected an address such as http://localhost:4318; got {url!r}")
        if parts.path in ("", "/"):
            parts = parts._replace(path="/v1/traces")
        self.url = urlunsplit(parts)
        self._timeout_s, self._retries = timeout_s, retries
        self._headers = {
            "content-type": "application/x-protobuf", "content-encoding": "gzip",
            "user-agent": "memtrace", **{key.lower(): value for key, value in headers.items()},
        }  # fmt: skip
        self.requests = self.bytes = 0

    def post(self, body: bytes) -> tuple[int, str]:
        """Send one request; returns how many of its spans were refused, and why.

        Raises:
            UserError: If the receiver refuses it, or cannot be reached.
        """
        packed = gzip.compress(body, 1)
        for attempt in range(self._retries + 1):
            reply, wait_s, problem = self._once(packed)
            if reply is not None:
                self.requests += 1
                self.bytes += len(packed)
                return self._accepted(reply)
            if attempt < self._retries:
                growing_s = min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
                time.sleep(growing_s if wait_s is None else min(wait_s, _LONGEST_WAIT_S))
        raise UserError(
            f"{self.url}: {problem}; tried {self._retries + 1} times; start the receiver or check "
            "the address"
        )

    def _once(self, packed: bytes) -> tuple[bytes | None, float | None, str]:
        """One attempt: the answer, or how long to wait and what went wrong."""
        request = Request(self.url, data=packed, headers=self._headers, method="POST")
        try:
            with urlopen(request, timeout=self._timeout_s) as reply:
                return reply.read(), None, ""
        except HTTPError as error:
            with error:
                problem = f"the receiver answers {error.code} {error.reason}{_said(error)}"
                if error.code not in _RETRIED:
                    hint = _HINTS.get(error.code, "see its log")
                    raise UserError(f"{self.url}: {problem}; {hint}") from None
                return None, _retry_after_s(error.headers), problem
        except URLError as error:
            return None, None, f"no connection ({error.reason})"
        except (OSError, HTTPException) as error:
            return None, None, f"the connection broke ({type(error).__name__}: {error})"

    def _accepted(self, reply: bytes) -> tuple[int, str]:
        try:
            return partial_success(reply)
        except ValueError:
            return 0, ""  # some receivers answer in JSON or words; the status said it is accepted


def _said(error: HTTPError) -> str:
    """What a refusal says in words, if it does."""
    body = error.read(400)
    text = "".join(part if part.isprintable() else " " for part in body.decode(errors="ignore"))
    text = " ".join(text.split())
    return f": {text}" if text else ""


def _retry_after_s(headers: Message) -> float | None:
    """`Retry-After` as seconds: a number, or a date."""
    text = (headers.get("Retry-After") or "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
