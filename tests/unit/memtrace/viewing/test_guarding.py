"""The token, the cookie, and the names of a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.viewing.guarding import SECURITY, Guard


def test_secrets_are_known_and_nothing_else() -> None:
    guard, other = Guard("127.0.0.1", 8000), Guard("127.0.0.1", 8000)
    assert guard.is_token(guard.token)
    assert guard.knows(guard.set_cookie.partition(";")[0])
    assert guard.knows(f"a=b; {guard.set_cookie.partition(';')[0]}; c=d")
    assert not guard.is_token(other.token)
    assert not guard.knows(other.set_cookie.partition(";")[0])
    assert not guard.knows(f"memtrace_view_8000={guard.token}"), "the token is no cookie"
    assert guard.url == f"http://127.0.0.1:8000/?token={guard.token}"
    assert Guard("::1", 8000).url.startswith("http://[::1]:8000/")


@given(st.text())
def test_no_text_is_a_secret(text: str) -> None:
    guard = Guard("127.0.0.1", 8000)
    assert not guard.is_token(text)
    assert not guard.knows(text)
    assert not guard.is_own(text)


@pytest.mark.parametrize(
    ("host", "name", "is_own"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True), ("127.0.0.1", "localhost:8000", True),
        ("127.0.0.1", "[::1]:8000", True), ("127.0.0.1", "10.0.0.1:8000", False),
        ("127.0.0.1", "127.0.0.1", False), ("127.0.0.1", "127.0.0.1:80000", False),
        ("0.0.0.0", "10.0.0.1:8000", True), ("0.0.0.0", "box.lan:8000", False),
        ("box.lan", "box.lan:8000", True), ("box.lan", "evil.lan:8000", False),
        ("127.0.0.1", "x@127.0.0.1:8000", False), ("127.0.0.1", "127.0.0.1:8000\n", False),
    ],
)  # fmt: skip
def test_only_own_names_count(host: str, name: str, is_own: bool) -> None:
    assert Guard(host, 8000).is_own(name) is is_own


def test_the_policy_lets_nothing_else_load() -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in SECURITY["Content-Security-Policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
        "img-src": "'self' data:", "connect-src": "'self'", "base-uri": "'none'",
        "form-action": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip
