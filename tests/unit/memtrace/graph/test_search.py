"""Search: plain words, other scripts, growing contexts, what is recorded later, and mishaps."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import memtrace
from lmcommon.errors import UserError
from lmcommon.testing.hash_embedder import HashEmbedder
from memtrace.testing import big_trace

Record = Callable[..., Path]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Record some texts into a trace of that name."""

    def make(*texts: object, name: str = "t.db", kind: str = "message") -> Path:
        with memtrace.record(tmp_path / name, resume=True):
            for text in texts:
                memtrace.variable(text, kind=kind)
        return tmp_path / name

    return make


def found(path: Path, text: str, **settings: object) -> list[str]:
    with memtrace.open(path) as trace:
        hits = trace.search(text, **settings)  # type: ignore[arg-type]
        return [str(trace.value(hit.variable)) for hit in hits]


def test_all_words_must_stand_in_a_text_in_any_order_and_case(record: Record) -> None:
    path = record("I moved to Lisbon in May.", "Lisbon is hot.", "May is a month.")
    assert found(path, "may LISBON") == ["I moved to Lisbon in May."]


def test_without_a_text_that_holds_all_words_some_will_do(record: Record) -> None:
    path = record("I moved to Lisbon.", "It rains.")
    assert found(path, "where is Lisbon?") == ["I moved to Lisbon."]
    assert found(path, "nothing at all") == []


@pytest.mark.parametrize(
    "text",
    [
        'say "hi', "hi AND", "AND", "hi*", "(hi", "hi)", "NEAR(hi", "hi -", "body:hi", "^hi",
        "hi;--", "hi\x00", "'hi'", "{hi}", "hi + hi", "\ud800 hi", "NOT hi",
    ],
)  # fmt: skip
def test_nothing_a_user_types_is_syntax(record: Record, text: str) -> None:
    path = record("say hi and not: body hi, near hi")
    assert found(path, text) == ["say hi and not: body hi, near hi"]


@pytest.mark.parametrize("text", ["", " ", "()", "***", "-", ":-)", "__", "\x00", "🙂"])
def test_a_text_without_words_finds_nothing(record: Record, text: str) -> None:
    assert found(record("say hi :-)"), text) == []


def test_raw_text_is_an_expression(record: Record) -> None:
    path = record("I moved to Lisbon.", "I moved to Oslo.")
    assert found(path, "lisb* OR nowhere", raw=True) == ["I moved to Lisbon."]
    with pytest.raises(UserError, match="expected an expression of SQLite's FTS5"):
        found(path, '"open', raw=True)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("我上個月搬到了里斯本。", "里斯本"),
        ("リスボンに引っ越しました", "引っ越し"),
        ("저는 리스본으로 이사했어요", "리스본으로"),
        ("ฉันย้ายไปลิสบอน", "ลิสบอน"),
        ("Ich wohne in Zürich", "zurich"),
        ("Ich wohne in Zürich", "Zu\u0308rich"),
        ("full width ＬＩＳＢＯＮ", "lisbon"),
        ("Она переехала в Лиссабон", "лиссабон"),
        ("a state-of-the-art car", "state-of-the-art"),
    ],
)
def test_scripts_and_marks(record: Record, stored: str, asked: str) -> None:
    assert found(record(stored, "something else"), asked) == [stored]


def test_characters_of_an_unspaced_script_count_in_their_order(record: Record) -> None:
    assert found(record("里斯本"), "斯里") == []


def test_structures_are_searched_by_their_texts(record: Record) -> None:
    value = {"facts": ["line one\nnext line", ("Porto", 7)], "raw": b"Porto"}
    assert found(record(value, b"Porto"), "next porto 7") == [str(value)]


def test_equal_texts_are_one_hit_that_names_the_first(record: Record) -> None:
    path = record("the same words", "other", "the same words")
    record("the same words", kind="fact")
    with memtrace.open(path) as trace:
        (hit,) = trace.search("same words")
        assert (hit.variable, hit.kind, hit.holders) == ("var-1", "message", 3)
        (hit,) = trace.search("same words", kind="fact")
        assert (hit.variable, hit.kind, hit.holders) == ("var-4", "fact", 1)
        assert trace.search("same words", kind="answer") == []
        assert trace.search("same words", kind=["answer", "fact"]) == [hit]


def test_a_search_can_stay_within_an_operation_or_a_slice(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db"):
        for city in ("Lisbon", "Oslo"):
            turn = memtrace.variable(f"I moved to {city}.")
            with memtrace.step("extract", inputs={"turn": turn}) as op:
                fact = op.output("fact", f"moved: {city}")
    with memtrace.open(tmp_path / "t.db") as trace:
        (last,) = trace.search("moved", operation=op.id, limit=1)
        assert trace.search("lisbon", operation=op.id) == []
        assert last.variable in (turn.id, fact.id)
        back = trace.graph.upstream(turn.id or "")
        assert [hit.variable for hit in trace.search("moved", within=back)] == [turn.id]
        with pytest.raises(KeyError, match="op-999"):
            trace.search("moved", operation="op-999")


def test_a_snippet_shows_the_place(record: Record) -> None:
    path = record("before " * 200 + "the needle\nis here " + "after " * 200)
    with memtrace.open(path) as trace:
        (hit,) = trace.search("NEEDLE")
    assert "the needle is here" in hit.snippet
    assert hit.snippet.startswith("...")
    assert len(hit.snippet) < 200


def test_a_growing_context_is_indexed_by_its_growth(tmp_path: Path) -> None:
    lines: list[str] = []
    with memtrace.record(tmp_path / "t.db"):
        for step in range(120):
            lines.append(f"line{step} " + " ".join(f"w{step}x{n}" for n in range(150)))
            memtrace.variable("\n".join(lines), kind="context")
    with memtrace.open(tmp_path / "t.db") as trace:
        hits = {step: trace.search(f"line{step}") for step in (0, 60, 119)}
    text = sum(map(len, lines))  # all versions together are 60 times that
    assert (tmp_path / "t.db.search").stat().st_size < 8 * text
    for step, found in hits.items():
        assert f"var-{step + 1}" in [hit.variable for hit in found]
        assert sum(hit.holders for hit in found) >= 120 - step


def test_what_is_recorded_later_is_found_too(record: Record) -> None:
    path = record("I moved to Lisbon.")
    with memtrace.open(path) as trace:
        assert len(trace.search("moved")) == 1
        record("I moved to Oslo.", "I moved to Lisbon.")
        assert [hit.holders for hit in trace.search("lisbon")] == [2]
        assert len(trace.search("moved")) == 2
    assert len(found(path, "moved")) == 2


def test_a_variable_that_reaches_the_disk_late_is_found(record: Record) -> None:
    path = record("one", "two", "three")
    connection = sqlite3.connect(path)
    late = connection.execute("SELECT * FROM variables WHERE number = 2").fetchone()
    connection.execute("DELETE FROM variables WHERE number = 2")
    connection.commit()
    with memtrace.open(path) as trace:
        assert trace.search("two") == []
        marks = ",".join("?" * len(late))
        connection.execute(f"INSERT INTO variables VALUES ({marks})", late)
        connection.commit()
        connection.close()
        assert [hit.holders for hit in trace.search("two")] == [1]
        assert [hit.holders for hit in trace.search("three")] == [1]


def test_the_trace_itself_is_not_written(record: Record) -> None:
    path = record("I moved to Lisbon.")
    before = path.read_bytes()
    assert found(path, "moved")
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["t.db", "t.db.search"]


def test_an_index_of_another_trace_is_not_used(record: Record) -> None:
    path, other = record("I moved to Lisbon."), record("It rains in Oslo.", name="other.db")
    assert found(path, "lisbon")
    shutil.copy(other, path)
    assert found(path, "oslo") == ["It rains in Oslo."]
    assert found(path, "lisbon") == []


@pytest.mark.parametrize("content", [b"", b"no index", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_index_is_built_anew(record: Record, content: bytes) -> None:
    path = record("I moved to Lisbon.")
    path.with_name("t.db.search").write_bytes(content)
    assert found(path, "lisbon") == ["I moved to Lisbon."]


def test_a_page_lost_in_the_index_costs_one_search_at_most(record: Record) -> None:
    path = record(*(f"text number {n} of many" for n in range(3000)))
    assert len(found(path, "text")) == 20
    side = path.with_name("t.db.search")
    content = bytearray(side.read_bytes())
    content[8192 : len(content) - 4096] = b"\xaa" * (len(content) - 12288)
    side.write_bytes(content)
    with contextlib.suppress(UserError):
        found(path, "text")
    assert len(found(path, "text")) == 20


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_is_searched_all_the_same(record: Record) -> None:
    path = record("I moved to Lisbon.")
    path.parent.chmod(0o500)
    try:
        assert found(path, "lisbon") == ["I moved to Lisbon."]
    finally:
        path.parent.chmod(0o700)


def test_a_side_file_that_cannot_be_made_is_done_without(record: Record) -> None:
    path = record("I moved to Lisbon.")
    path.with_name("t.db.search").mkdir()
    assert found(path, "lisbon") == ["I moved to Lisbon."]


def test_what_a_killed_build_left_long_ago_is_removed(record: Record) -> None:
    path = record("I moved to Lisbon.")
    old, new = (path.with_name(f".t.db.search.{name}.part") for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert found(path, "lisbon")
    assert new.exists()  # another reader may be at work on it
    assert not old.exists()


def test_a_search_while_recording_sees_what_is_on_the_disk(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "t.db") as run, contextlib.ExitStack() as stack:
        for number in range(30):
            memtrace.variable(f"fact {number}")
            run.flush()
            if number == 0:
                trace = stack.enter_context(memtrace.open(tmp_path / "t.db"))
            assert len(trace.search("fact", limit=100)) == number + 1


def test_readers_may_build_at_once(tmp_path: Path) -> None:
    big_trace(tmp_path / "t.db", 600)
    code = (
        "import sys, memtrace\n"
        "with memtrace.open(sys.argv[1]) as trace:\n"
        "    print([hit.variable for hit in trace.search('answer context alone')])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "t.db")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=60)[0] for process in running}
    assert len(told) == 1
    assert "var-" in told.pop()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["t.db", "t.db.search"]


def test_one_trace_serves_several_threads(tmp_path: Path) -> None:
    answer = big_trace(tmp_path / "t.db", 400)
    results: list[object] = []
    with memtrace.open(tmp_path / "t.db") as trace:

        def work() -> None:
            for _ in range(5):
                back = trace.graph.upstream(answer)
                operations = [op.id for op in trace.operations(ids=back.operations)]
                values = [trace.value(identifier) for identifier in back.variables]
                hits = trace.search("answer context alone")
                state = trace.state_at(trace.last_seq)
                results.append((operations, len(values), hits, list(state)))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 30
    assert all(result == results[0] for result in results)


def test_find_is_exact_and_in_order(record: Record) -> None:
    path = record("a.b and a+b", "aXb", "a.b again", "a.b and a+b", ["a.b"])
    with memtrace.open(path) as trace:
        assert [hit.variable for hit in trace.find("a.b")] == ["var-1", "var-3", "var-5"]
        assert [hit.holders for hit in trace.find("a.b")] == [2, 1, 1]
        assert [hit.variable for hit in trace.find(re.compile(r"a.b$"))] == [
            "var-1",
            "var-2",
            "var-5",
        ]
        assert list(trace.find("a.b", kind="answer")) == []


def test_search_by_nearness_keeps_the_vectors(record: Record) -> None:
    class Counting(HashEmbedder):
        count = 0

        def embed(self, texts):  # type: ignore[no-untyped-def]
            self.count += len(texts)
            return super().embed(texts)

    path = record("the cat sat on the mat", "stocks fell sharply today", "a dog sat on a rug")
    record("cat on mat", kind="fact")
    for expected in (4 + 1, 1):
        embedder = Counting()
        with memtrace.open(path) as trace:
            hits = trace.search("cat mat", embedder=embedder, limit=2)
            assert embedder.count == expected
            assert [hit.variable for hit in hits] == ["var-4", "var-1"]
            assert hits[0].score > hits[1].score
    with memtrace.open(path) as trace:
        (hit,) = trace.search("stocks", embedder=HashEmbedder(), kind="fact")
        assert hit.variable == "var-4"
        with pytest.raises(ValueError, match="got both"):
            trace.search("stocks", embedder=HashEmbedder(), raw=True)


def test_a_pattern_finds_the_keys_of_mappings(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "trace.db"):
        memtrace.variable({"towns": [{"Lisbon": None}]})
        memtrace.variable(({("Porto", 2): True},))
    with memtrace.open(tmp_path / "trace.db") as trace:
        assert [hit.variable for hit in trace.find("Lisbon")] == ["var-1"]
        assert [hit.variable for hit in trace.find("Porto")] == ["var-2"]
