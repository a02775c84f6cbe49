"""Who is let in by memtrace-view, and what it says to those who are not."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import memtrace
from lmcommon.errors import UserError

sys.path.insert(0, str(Path(__file__).parent))
from view_support import Browser, record

ADDRESSES = ("/", "/assets/index.html", "/api/trace", "/api/questions", "/nothing")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("guarded") / "trace.db")


@pytest.fixture(scope="module")
def opened(path: Path) -> Iterator[memtrace.View]:
    with memtrace.view(path, replay=True, annotate=["ana"]) as made:
        yield made


@pytest.fixture(scope="module")
def page(opened: memtrace.View) -> Browser:
    return Browser(opened.url)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("cookie", ["", "memtrace_view=x", "{name}=", "{name}=wrong", "\x01;=;;"])
def test_nothing_without_the_cookie(page: Browser, address: str, cookie: str) -> None:
    name = page.cookie.partition("=")[0]
    status, _, body = page.raw("GET", address, headers={"Cookie": cookie.replace("{name}", name)})
    assert status == 403
    assert "token" in json.loads(body)["error"]


@pytest.mark.parametrize("query", ["", "?token=", "?token=x", "?token=%C3%A9", "?token[]=x"])
def test_nothing_without_the_token(page: Browser, query: str) -> None:
    status, headers, _ = page.raw("GET", "/" + query)
    assert status == 403
    assert "Set-Cookie" not in headers


def test_the_token_is_exchanged_for_a_cookie(page: Browser, opened: memtrace.View) -> None:
    status, headers, body = page.raw("GET", page.start)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(headers["Set-Cookie"].split("; "))
    assert b"<html" in body
    token = urlsplit(opened.url).query.removeprefix("token=")
    assert len(token) >= 32
    assert token not in headers["Set-Cookie"]
    assert page.raw("GET", f"/api/trace?token={token}")[0] == 403, "the token opens the page alone"


def test_tokens_differ(path: Path, opened: memtrace.View) -> None:
    with memtrace.view(path) as other:
        assert urlsplit(other.url).query != urlsplit(opened.url).query
        strange = Browser(other.url)
        page = Browser(opened.url)
        assert page.raw("GET", "/api/trace", headers={"Cookie": strange.cookie})[0] == 403


@pytest.mark.parametrize("status_of", ["/", "/api/trace", "/api/nothing", "/x", "/assets/y.js"])
def test_every_response_is_strict(page: Browser, status_of: str) -> None:
    for cookie in (page.cookie, ""):
        _, headers, _ = page.raw("GET", status_of, headers={"Cookie": cookie})
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert not re.search(r"https?:|\*", policy)
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Python" not in headers.get("Server", "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil"
             ":{port}", "127.0.0.1:{port}@evil", "[::1", "127.0.0.1:{port}/x", "2130706433:{port}"],
)  # fmt: skip
def test_a_rebound_name_is_refused(page: Browser, host: str) -> None:
    port = page.address.partition(":")[2]
    headers = {"Cookie": page.cookie, "Host": host.replace("{port}", port)}
    for method, address in (("GET", page.start), ("GET", "/api/trace"), ("POST", "/api/replay")):
        status, came, _ = page.raw(method, address, headers=headers)
        assert (status, "Set-Cookie" in came) == (403, False)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_own_names_are_known(page: Browser, name: str) -> None:
    port = page.address.partition(":")[2]
    headers = {"Cookie": page.cookie, "Host": f"{name}:{port}"}
    assert page.raw("GET", "/api/trace", headers=headers)[0] == 200


@pytest.mark.parametrize(
    "address", ["/assets/../__init__.py", "/assets/..%2f__init__.py", "/assets/%2e%2e/server.py",
                "/assets/..%252f..%252fserver.py", "/assets//etc/passwd", "/../../etc/passwd",
                "/assets/..\\server.py", "/assets/", "/assets", "//etc/passwd", "/assets/%00",
                "/assets/index.html/../../server.py", "/index.html", "/assets/.gitignore"],
)  # fmt: skip
def test_no_path_leaves_the_assets(page: Browser, address: str) -> None:
    status, _, body = page.raw("GET", address, headers={"Cookie": page.cookie})
    assert status in (400, 404), body[:200]
    assert b"import" not in body


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%00", "var-1%27--", "%ff%fe", "var-99999999999999999999"]
)
def test_no_id_is_a_path(page: Browser, name: str) -> None:
    for kind in ("answers", "operations", "variables", "memory/items", "jobs"):
        status, found = page.ask(f"{kind}/{name}")
        assert status in (400, 404), (kind, name, found)


def test_a_post_must_be_json_from_the_page_itself(page: Browser) -> None:
    good = {"Cookie": page.cookie, "Content-Type": "application/json"}
    body = b'{"interventions": []}'

    def status(headers: dict[str, str], body: bytes = body) -> int:
        return page.raw("POST", "/api/replay/price", body, headers)[0]

    assert status(good) == 200
    assert status({**good, "Origin": f"http://{page.address}"}) == 200
    assert status({**good, "Content-Type": "application/json; charset=utf-8"}) == 200
    assert status({"Content-Type": "application/json"}) == 403
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", ""):
        assert status({**good, "Origin": origin}) == 403, origin
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert status({**good, "Content-Type": kind}) == 415, kind
    for wrong in (b"", b"[]", b"{", b"1", b'"x"', b"\xff", b"[" * 100_000):
        assert status(good, wrong) == 400, wrong[:20]


def test_a_big_body_is_not_read(page: Browser) -> None:
    host, _, port = page.address.partition(":")
    head = (
        f"POST /api/replay HTTP/1.1\r\nHost: {page.address}\r\nCookie: {page.cookie}\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    )
    for length, status in (("999999999999", 413), ("-1", 411), ("5x", 411), ("9" * 5000, 413)):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(head.format(length).encode())
            assert line.recv(100).startswith(f"HTTP/1.1 {status}".encode()), length


def test_a_body_of_a_get_is_not_the_next_request(page: Browser) -> None:
    host, _, port = page.address.partition(":")
    inner = f"GET /api/trace HTTP/1.1\r\nHost: {page.address}\r\nCookie: {page.cookie}\r\n\r\n"
    outer = f"GET /x HTTP/1.1\r\nHost: {page.address}\r\nContent-Length: {len(inner)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall((outer + inner).encode())
        said = b""
        while piece := line.recv(65_536):
            said += piece
    assert said.count(b"HTTP/1.1") == 1, said


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_other_methods_are_refused(page: Browser, method: str) -> None:
    status, headers, _ = page.raw(method, "/api/trace", headers={"Cookie": page.cookie})
    assert status == 501
    assert "Content-Security-Policy" in headers


def test_a_page_that_only_looks_does_nothing_else(path: Path) -> None:
    with memtrace.view(path) as opened:
        page = Browser(opened.url)
        for address, body in (
            ("replay", {"interventions": []}), ("replay/price", {"interventions": []}),
            ("annotations/export", {}),
        ):  # fmt: skip
            status, said = page.post(address, body)
            assert (status, "only looks" in said["error"]) == (403, True), address
        answer = page.get("questions")["rows"][0]["answer"]
        status, said = page.post(
            "annotations", {"answer": answer, "annotator": "ana", "verdict": "no failure"}
        )
        assert (status, "annotate=[NAME]" in said["error"]) == (403, True)
    assert not list(path.parent.glob("*.annotations"))


def test_another_host_must_be_meant(path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org"):
        with pytest.raises(UserError, match="i_know=true"):
            memtrace.view(path, host=host)
    with memtrace.view(path, host="0.0.0.0", i_know=True) as opened:
        port = urlsplit(opened.url).port
        page = Browser(opened.url.replace("0.0.0.0", "127.0.0.1"))
        assert page.get("trace")["operations"]
        for host, status in ((f"192.168.1.7:{port}", 200), (f"evil.example:{port}", 403)):
            headers = {"Cookie": page.cookie, "Host": host}
            assert page.raw("GET", "/api/trace", headers=headers)[0] == status, host


def test_a_port_that_is_taken_is_told(path: Path, opened: memtrace.View) -> None:
    port = urlsplit(opened.url).port
    assert port is not None
    with pytest.raises(UserError, match="expected a free address"):
        memtrace.view(path, port=port)
