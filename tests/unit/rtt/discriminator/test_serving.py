"""Pools, servers, clients and caches: what goes wrong around a discriminator, and what is kept."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.discriminator.characters import Chars, to_characters
from rtt.discriminator.encoding import Asked
from rtt.discriminator.serving import (
    KeptReader,
    PairFile,
    ReaderPool,
    RelevanceServer,
    RemoteReader,
)
from rtt.discriminator.serving.gathering import Gatherer
from rtt.discriminator.serving.wire import read_reply, read_request, write_reply, write_request

PAIRS = [("a rule", "one"), ("a rule", "four"), ("another", "one"), ("a rule", "")]


class Counting:
    """Says length / 10 for every character, and remembers what it was asked."""

    def __init__(self, digest: str = "d" * 64, *, reads_question: bool = False) -> None:
        self.digest, self.reads_question = digest, reads_question
        self.reads_verdict = False
        self.calls: list[list[tuple[str, ...]]] = []
        self.is_closed = False
        self.gate = threading.Event()
        self.gate.set()

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        self.calls.append(list(pairs))
        self.gate.wait(10)
        if any(pair[0] == "too long" for pair in pairs):
            raise UserError("expected a shorter criterion")
        return [np.full(len(pair[1]), len(pair[1]) / 10, dtype=np.float32) for pair in pairs]

    def close(self) -> None:
        self.is_closed = True


class Mortal(Counting):
    """Ends its process over the word "die", the first time that its flag file allows."""

    def __init__(self, flag: str) -> None:
        super().__init__()
        self.flag = Path(flag)

    def relevances(self, pairs: Sequence[tuple[str, ...]]) -> list[Chars]:
        if any(pair[1] == "die" for pair in pairs) and self.flag.exists():
            if self.flag.read_text(encoding="utf-8") == "once":
                self.flag.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if any(pair[1] == "bug" for pair in pairs):
            raise ZeroDivisionError("a bug")
        return super().relevances(pairs)


class MortalOn:
    """Loads a `Mortal` in a process."""

    def __init__(self, flag: Path) -> None:
        self.flag = str(flag)

    def __call__(self, device: str) -> Mortal:
        if device == "nowhere":
            raise UserError("no such device")
        return Mortal(self.flag)


def lengths(told: Sequence[Chars]) -> list[list[float]]:
    return [[round(float(x), 3) for x in row] for row in told]


EXPECTED = [[0.3] * 3, [0.4] * 4, [0.3] * 3, []]


def test_a_pair_is_asked_about_once_and_the_oldest_is_forgotten() -> None:
    reader = Counting()
    kept = KeptReader(reader, megabytes=3 * 230 / 2**20)
    assert lengths(kept.relevances([*PAIRS[:2], PAIRS[0]])) == [*EXPECTED[:2], EXPECTED[0]]
    kept.relevances([PAIRS[0]])
    assert kept.asked == 2
    kept.relevances([PAIRS[2], PAIRS[3]])
    assert 0 < kept.kept_bytes <= 3 * 230
    kept.relevances([PAIRS[0]])
    assert kept.asked == 4
    kept.relevances([PAIRS[1]])
    assert kept.asked == 5


def test_the_question_counts_only_where_it_is_read() -> None:
    pairs = [("rule", "text", "why"), ("rule", "text", "how")]
    for reads, asked in ((False, 1), (True, 2)):
        kept = KeptReader(Counting(reads_question=reads))
        kept.relevances(pairs)
        assert kept.asked == asked


def test_a_file_is_shared_by_runs_and_knows_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pairs.sqlite"
    pairs = [*PAIRS, ("caf\u00e9", "\U0001f9ed\ud800")]
    first = KeptReader(Counting(), file=PairFile(path))
    told = first.relevances(pairs)
    first.close()
    again = KeptReader(Counting(), file=PairFile(path))
    for one, other in zip(told, again.relevances(pairs), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype == np.float32
    assert again.asked == 0
    others = KeptReader(Counting("e" * 64), file=PairFile(path))
    others.relevances(pairs)
    assert others.asked == len(pairs)
    again.close()
    others.close()


def test_a_file_stays_below_its_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    with closing(PairFile(tmp_path / "pairs", megabytes=0.3)) as file:
        for number in range(40):
            pair = Asked("rule", f"{number}" * 5000)
            file.put("d", {pair: noise.random(len(pair.response)).astype(np.float32)})
        assert 0 < len(file) < 20
        assert pair in file.get("d", [pair])


@pytest.mark.parametrize("content", ["text", "other", "row"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path, pair = tmp_path / "pairs", Asked("rule", "text")
    if content == "text":
        path.write_text("no database " * 100, encoding="utf-8")
    elif content == "other":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE mine (x)")
    else:
        with closing(PairFile(path)) as file:
            file.put("d", {pair: np.zeros(9, dtype=np.float32)})
    with closing(PairFile(path)) as file, pytest.raises(UserError, match=r"relevance\.cache"):
        file.get("d", [pair])


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    return tmp_path / "flag"


@pytest.fixture
def pool(flag: Path) -> Iterator[ReaderPool]:
    with closing(ReaderPool(MortalOn(flag), ["cpu"])) as one:
        yield one


def test_a_process_that_dies_is_started_again_and_a_second_death_says_what_to_do(
    pool: ReaderPool, flag: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [*PAIRS, ("a rule", "die")]
    flag.write_text("once", encoding="utf-8")
    before = pool.pids
    assert lengths(pool.relevances(pairs)) == [*EXPECTED, [0.3] * 3]
    assert pool.pids != before
    assert "exit code -9" in caplog.text
    flag.write_text("always", encoding="utf-8")
    with pytest.raises(UserError, match=r"on cpu; it ended with exit code -9.*lower relevance"):
        pool.relevances(pairs)
    flag.unlink()
    assert lengths(pool.relevances(pairs)) == [*EXPECTED, [0.3] * 3], "others are started"
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        pool.relevances(pairs)


def test_a_bug_in_a_process_comes_with_its_traceback_and_closing_ends_all(
    pool: ReaderPool,
) -> None:
    (pid,) = pool.pids
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        pool.relevances([("a rule", "bug")])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_pool_that_cannot_load_says_why(flag: Path) -> None:
    with pytest.raises(UserError, match="no such device"):
        ReaderPool(MortalOn(flag), ["nowhere"])
    with pytest.raises(UserError, match=r"relevance\.devices: expected at least one"):
        ReaderPool(MortalOn(flag), [])


@contextmanager
def served(reader: Counting, **options: Any) -> Iterator[tuple[RelevanceServer, RemoteReader]]:
    with RelevanceServer(reader, **options) as server:
        remote = RemoteReader(server.url, retries=2, wait_s=0.01, token=server.token)
        with closing(remote):
            yield server, remote


def test_a_server_answers_says_its_health_and_counts() -> None:
    with served(Counting()) as (server, remote):
        assert lengths(remote.relevances(PAIRS)) == EXPECTED
        assert remote.digest == "d" * 64
        told = server.health()
        assert (told["status"], told["pairs"], told["batches"]) == ("ok", len(PAIRS), 1)


def test_a_server_that_changes_its_weights_is_refused() -> None:
    with served(Counting()) as (server, remote):
        remote.relevances(PAIRS)
        server.facts["digest"] = "e" * 64
        with pytest.raises(UserError, match=r"began with \(sha256 dddddddddddd\).*serves eeeeee"):
            remote.relevances(PAIRS)


def test_a_token_keeps_others_out() -> None:
    with served(Counting(), token="secret") as (server, remote):
        assert lengths(remote.relevances(PAIRS)) == EXPECTED
        other = RemoteReader(server.url, token="guess")
        with closing(other), pytest.raises(UserError, match=r"HTTP 401.*relevance\.token its"):
            other.relevances(PAIRS)


def test_a_refusal_is_passed_on_and_spoils_no_other_request() -> None:
    reader = Counting()
    with served(reader) as (_, remote):
        with pytest.raises(UserError, match="HTTP 422: expected a shorter criterion"):
            remote.relevances([("too long", "text")])
        assert lengths(remote.relevances(PAIRS)) == EXPECTED


def test_requests_that_come_at_once_are_read_together() -> None:
    reader = Counting()
    reader.gate.clear()
    gatherer = Gatherer(reader)
    told: dict[int, Any] = {}

    def ask(number: int) -> None:
        pairs = [Asked("too long" if number == 2 else "rule", "x" * number)]
        try:
            told[number] = lengths(gatherer.relevances(pairs))
        except UserError as error:
            told[number] = str(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    threads[0].start()
    while not reader.calls:
        time.sleep(0.01)
    for thread in threads[1:]:
        thread.start()
    while gatherer.waiting < 3:
        time.sleep(0.01)
    reader.gate.set()
    for thread in threads:
        thread.join()
    gatherer.close()
    assert [len(call) for call in reader.calls[:2]] == [1, 3]
    assert told == {
        0: [[]], 1: [[0.1]], 2: "expected a shorter criterion", 3: [[0.3] * 3],
    }  # fmt: skip


def test_a_server_that_is_away_is_asked_again_then_named() -> None:
    with RelevanceServer(Counting()) as server:
        remote = RemoteReader(server.url, retries=8, wait_s=0.05)
        remote.relevances(PAIRS)
        port = urlsplit(server.url).port

    def come_back() -> None:
        time.sleep(0.3)
        with RelevanceServer(Counting(), port=int(port or 0)):
            done.wait(20)

    done = threading.Event()
    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        assert lengths(remote.relevances(PAIRS)) == EXPECTED
    finally:
        done.set()
        thread.join()
        remote.close()
    gone = RemoteReader(server.url, retries=1, wait_s=0.01)
    with closing(gone), pytest.raises(UserError, match=r"an answer of rtt-relevance at .*running"):
        gone.relevances(PAIRS)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "expected JSON"), (b"[]", 400, "expected a JSON object"),
        (b'{"pairs": [["a"]]}', 400, r"pairs[0]: expected [criterion, response, question]"),
        (b'{"pairs": 3}', 400, 'a list "pairs"'),
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_told_what_is_wrong(
    body: bytes, status: int, message: str
) -> None:
    with served(Counting()) as (server, _):
        parts = urlsplit(server.url)
        with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
            connection.request("POST", "/relevances", body)
            reply = connection.getresponse()
            assert reply.status == status
            assert message in json.loads(reply.read())["error"]


def test_a_body_is_not_read_before_the_token() -> None:
    with served(Counting(), token="secret") as (server, _):
        parts = urlsplit(server.url)
        with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
            connection.putrequest("POST", "/relevances")
            connection.putheader("Content-Length", str(500 * 2**20))
            connection.endheaders()  # and never a body
            reply = connection.getresponse()
            assert (reply.status, reply.getheader("Connection")) == (401, "close")


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html>hello</html>" if self.path == "/page/health" else b"[3]"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_server_of_another_program_is_named() -> None:
    with HTTPServer(("127.0.0.1", 0), _Stranger) as stranger:
        thread = threading.Thread(target=stranger.serve_forever)
        thread.start()
        try:
            for path in ("/page", ""):
                url = f"http://127.0.0.1:{stranger.server_port}{path}"
                other = pytest.raises(UserError, match="got a reply of another program")
                with closing(RemoteReader(url, retries=0)) as remote, other:
                    _ = remote.digest
        finally:
            stranger.shutdown()
            thread.join()


def test_an_address_that_is_taken_or_none_says_so() -> None:
    taken = pytest.raises(UserError, match="expected a free address")
    with served(Counting()) as (server, _), taken:
        RelevanceServer(Counting(), port=int(urlsplit(server.url).port or 0))
    with pytest.raises(UserError, match=r"relevance\.url: expected http://host:port"):
        RemoteReader("127.0.0.1:8010")


TEXTS = st.text(st.characters(codec=None), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4), st.data())
def test_texts_and_numbers_cross_the_wire_unchanged(
    texts: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    pairs = [Asked(*one) for one in texts]
    assert read_request(write_request(pairs)) == pairs
    told = [
        np.array(
            data.draw(st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n)), dtype=np.float32
        )
        for n in (len(pair.response) for pair in pairs)
    ]
    digest, read = read_reply(write_reply("d", told), pairs)
    assert digest == "d"
    for one, other in zip(told, read, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("values", [[0.5], [0.5, 2.0], [0.5, np.nan]])
def test_a_reply_that_does_not_fit_is_refused(values: list[float]) -> None:
    body = write_reply("d", [np.array(values, dtype=np.float32)])
    with pytest.raises(ValueError, match=r"expected 2 numbers in \[0, 1\]"):
        read_reply(body, [Asked("rule", "ab")])


def test_a_character_takes_the_largest_of_its_tokens() -> None:
    offsets = ((0, 1), (0, 1), (1, 1), (2, 4))
    told = to_characters([(offsets, np.array([0.1, 0.7, 0.9, 0.3], dtype=np.float32))], 5)
    np.testing.assert_allclose(told, [0.7, 0, 0.3, 0.3, 0])
    assert to_characters([], 2).tolist() == [0, 0]
