"""Who may see the page: headers, the name in `Host`, the token and the cookie.

In: headers of requests. Out: yes or no, and what every response must say.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

__all__ = ["LOOPBACK", "SECURITY", "Guard", "netloc"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response."""


class Guard:
    """The secrets of one server, and its names.

    Args:
        host: Where it listens.
        port: Likewise.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.token = secrets.token_urlsafe(24)
        """Stands in the start address."""
        self._secret = secrets.token_urlsafe(24)
        self._name = f"memtrace_view_{port}"  # the ports of a machine share cookies

    @property
    def url(self) -> str:
        """The start address."""
        return f"http://{netloc(self.host, self.port)}/?token={self.token}"

    @property
    def set_cookie(self) -> str:
        """What whoever came with the token gets."""
        return f"{self._name}={self._secret}; Path=/; HttpOnly; SameSite=Strict"

    def is_token(self, came: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(came.encode("utf-8", "replace"), self.token.encode())

    def knows(self, cookies: str) -> bool:
        """Whether a `Cookie` header holds our secret."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(cookies)
        except CookieError:
            return False
        came = jar[self._name].value if self._name in jar else ""
        return hmac.compare_digest(came.encode("utf-8", "replace"), self._secret.encode())

    def is_own(self, host: str) -> bool:
        """Whether the text of a `Host` header names this server, and not a name bound to it."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if parts.netloc != host or "@" in host or port != self.port:
            return False
        if name in LOOPBACK:
            return True
        return self.host not in LOOPBACK and (name == self.host or _is_address(name))


def netloc(host: str, port: int) -> str:
    """Host and port as they stand in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
