"""Sending to a receiver: what arrives, what is tried again, what is told."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError

trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b"")


class Receiver(ThreadingHTTPServer):
    """An OTLP receiver that answers as it is told, then with success."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.paths: list[str] = []
        self.headers: list[Any] = []
        self.names: list[str] = []
        self.sizes: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        self.server.headers.append(self.headers)
        status, headers, answer = self.server.replies.pop(0) if self.server.replies else OK
        if status == 200:
            message = trace_service.ExportTraceServiceRequest.FromString(gzip.decompress(body))
            names = [s.name for r in message.resource_spans for p in r.scope_spans for s in p.spans]
            self.server.names.extend(names)
            self.server.sizes.append(len(names))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    with memtrace.record(tmp_path / "trace.db"):
        for number in range(5):
            with memtrace.step(f"step {number}") as op:
                op.output("text", f"value {number} ☃")
    return tmp_path / "trace.db"


def test_every_span_arrives(receiver: Receiver, trace: Path) -> None:
    report = memtrace.export_otlp(trace, receiver.url)
    assert receiver.names == [*(f"step {number}" for number in range(5)), "memtrace run"]
    assert (report.written, report.counts["requests"]) == (6, 1)


def test_batches_are_as_small_as_asked(receiver: Receiver, trace: Path) -> None:
    memtrace.export_otlp(trace, receiver.url, batch=2)
    assert receiver.sizes == [2, 2, 2]


def test_the_path_of_traces_is_put_behind_a_bare_address(receiver: Receiver, trace: Path) -> None:
    memtrace.export_otlp(trace, receiver.url)
    memtrace.export_otlp(trace, f"{receiver.url}/own/path")
    assert receiver.paths == ["/v1/traces", "/own/path"]


def test_headers_go_along(receiver: Receiver, trace: Path) -> None:
    memtrace.export_otlp(trace, receiver.url, headers={"Authorization": "Bearer key"})
    assert receiver.headers[0]["authorization"] == "Bearer key"
    assert receiver.headers[0]["content-type"] == "application/x-protobuf"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_receiver_is_asked_again(status: int, receiver: Receiver, trace: Path) -> None:
    receiver.replies = [(status, {"Retry-After": "0"}, b"busy")] * 2
    report = memtrace.export_otlp(trace, receiver.url)
    assert len(receiver.paths) == 3
    assert report.written == 6


def test_a_date_to_come_back_at_is_understood(receiver: Receiver, trace: Path) -> None:
    receiver.replies = [(503, {"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}, b"")]
    assert memtrace.export_otlp(trace, receiver.url).written == 6


def test_a_receiver_that_stays_busy_is_given_up(receiver: Receiver, trace: Path) -> None:
    receiver.replies = [(503, {"Retry-After": "0"}, b"busy")] * 3
    with pytest.raises(UserError, match=r"503 .*busy.*tried 3 times"):
        memtrace.export_otlp(trace, receiver.url, retries=2)


@pytest.mark.parametrize(
    ("status", "said"), [(400, "could not read"), (401, "headers="), (413, "batch=")]
)
def test_a_refusal_is_told_at_once(status: int, said: str, receiver: Receiver, trace: Path) -> None:
    receiver.replies = [(status, {}, b"no such project")]
    with pytest.raises(UserError, match=f"{status} .*no such project.*{said}"):
        memtrace.export_otlp(trace, receiver.url)
    assert len(receiver.paths) == 1


def test_a_partial_success_is_reported(receiver: Receiver, trace: Path) -> None:
    answer = trace_service.ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old"
    receiver.replies = [(200, {}, answer.SerializeToString())]
    report = memtrace.export_otlp(trace, receiver.url)
    assert report.written == 4
    assert report.problems == ("the receiver refused 2 spans: too old",)


def test_an_answer_in_words_is_success(receiver: Receiver, trace: Path) -> None:
    receiver.replies = [(200, {}, b'{"partialSuccess":{}}')]
    assert memtrace.export_otlp(trace, receiver.url).problems == ()


def test_nobody_there(trace: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UserError, match="no connection"):
        memtrace.export_otlp(trace, f"http://127.0.0.1:{port}", retries=0)


def test_an_address_without_a_host(trace: Path) -> None:
    with pytest.raises(UserError, match="expected an address"):
        memtrace.export_otlp(trace, "http://")
