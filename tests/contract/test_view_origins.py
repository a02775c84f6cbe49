"""memtrace-view on traces that no memtrace system recorded as it likes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.testing import big_trace

sys.path.insert(0, str(Path(__file__).parent))
from view_support import Browser, record

DATA = Path(__file__).parents[1] / "data" / "memtrace"


@contextmanager
def browser(path: Path, **options: Any) -> Iterator[Browser]:
    with memtrace.view(path, **options) as opened:
        yield Browser(opened.url)


def test_a_trace_without_questions(tmp_path: Path) -> None:
    path = tmp_path / "bare.db"
    with memtrace.record(path):
        turn = memtrace.variable("I moved \ud800 to Lisbon.", kind="message", name="D1:3")
        with memtrace.step("add", kind="update", inputs={"turn": turn}) as op:
            op.output("item", {"city": "Lisbon", "n": float("nan")}, kind="memory_item", item="a/b")
            op.output("raw", b"\x00\x01")
    with browser(path, replay=True) as page:
        found = page.until("trace", "ready", True)
        assert found["scopes"] == []
        assert page.get("questions") == {
            "total": 0, "pending": 0, "rows": [],
            "counts": {"right": 0, "wrong": 0, "unscored": 0},
        }  # fmt: skip
        assert page.get("variables/var-1")["text"] == "I moved \ud800 to Lisbon."
        operation = page.get("operations?limit=1")["rows"][0]["id"]
        roles = page.get(f"operations/{operation}")["outputs"]
        assert page.get(f"variables/{roles['raw'][0]['id']}")["text"] == "<2 bytes>"
        assert page.get(f"variables/{roles['item'][0]['id']}")["is_json"]
        assert page.get("memory/items/a/b")["versions"][0]["text"]
        status, said = page.post("replay/price", {"interventions": []})
        assert status == 400
        assert "cannot be replayed" in said["error"]


def test_an_empty_trace(tmp_path: Path) -> None:
    with memtrace.record(tmp_path / "empty.db"):
        pass
    with browser(tmp_path / "empty.db") as page:
        assert page.get("trace")["operations"] == 0
        for path in ("questions", "operations", "memory", "kinds"):
            assert page.get(path)["rows"] == []


def test_a_trace_without_right_answers(tmp_path: Path) -> None:
    big_trace(tmp_path / "big.db", 300)
    with browser(tmp_path / "big.db") as page:
        found = page.get("questions")
        assert found["total"] == sum(found["counts"].values())
        assert found["counts"]["wrong"] > 0
        assert found["pending"] == 0, "nobody asked for those without a right answer"
        row = page.get("questions?verdict=wrong")["rows"][0]
        assert (row["gold"], row["has_gold"], row["attributed"]) == (None, False, "none")
        assert row["question"]
        for _ in range(200):
            told = page.get(f"answers/{row['answer']}")
            if told["question"]["attributed"] == "done":
                break
        assert told["attribution"]["suspects"], told["attribution"]


def test_an_imported_benchmark(tmp_path: Path) -> None:
    path = tmp_path / "imported.db"
    memtrace.import_memtracebench(DATA / "smartcomment_small.json", path)
    with memtrace.open(path) as trace:
        labels = memtrace.read_annotations(trace)
    named = [one for one in labels if one.prediction]
    assert named
    with browser(path, annotate=["ana"]) as page:
        rows = {row["answer"]: row for row in page.get("questions")["rows"]}
        for label in named:
            row = rows[label.prediction]
            assert (row["verdict"], row["question"]) == ("wrong", label.record["query"]), row
            found = page.get(f"answers/{row['answer']}")
            assert found["nodes"]


def test_attributions_of_a_run_are_taken(tmp_path: Path) -> None:
    path = record(tmp_path / "trace.db")
    with browser(path) as page:
        row = page.wrong()[0]
    with memtrace.open(path) as trace:
        made = memtrace.attribute(trace, row["answer"], gold=row["gold"], judged=False).to_dict()
    marked = {**made, "reason": "as recorded", "key": ["rag", "c", "q"]}
    stale = {**marked, "answer": "var-1", "prediction": "of another run"}
    lines = [json.dumps(one) + "\n" for one in (marked, stale)]
    (tmp_path / "attributions.jsonl").write_text("".join(lines), encoding="utf-8")
    with browser(path) as page:
        found = {one["answer"]: one for one in page.wrong()}
        assert found[row["answer"]]["reason"] == "as recorded"
        assert all(one["reason"] != "as recorded" for key, one in found.items()
                   if key != row["answer"])  # fmt: skip
    pathless = {key: value for key, value in marked.items() if key not in ("paths", "key")}
    outcome = {"case": "1", "method": "full", "attribution": pathless}
    other = tmp_path / "run"
    other.mkdir()
    (other / "attributions.jsonl").write_text(json.dumps(outcome) + "\n", encoding="utf-8")
    with browser(path, attributions=other) as page:
        told = page.get(f"answers/{row['answer']}")
        assert told["attribution"]["reason"] == "as recorded"
        assert told["facts"], "paths that a run did not keep are followed again"


def test_a_broken_file_gets_a_diagnosis(tmp_path: Path) -> None:
    path = record(tmp_path / "whole.db")
    broken = tmp_path / "broken.db"
    broken.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(UserError, match="truncated"):
        memtrace.view(broken)
    with pytest.raises(UserError, match="expected a trace file"):
        memtrace.view(tmp_path / "none.db")
    with pytest.raises(UserError, match=r"attributions: expected a run folder"):
        memtrace.view(path, attributions=tmp_path / "nowhere")


def test_damage_inside_is_told_where_it_is_met(tmp_path: Path) -> None:
    path = record(tmp_path / "t.db")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) - 4096, 64):
        data[place : place + 8] = b"\xff" * 8
    broken = tmp_path / "hurt.db"
    broken.write_bytes(data)
    try:
        opened = memtrace.view(broken)
    except UserError as error:
        assert "damaged" in str(error)  # noqa: PT017
        return
    with opened:
        page = Browser(opened.url)
        told = [page.ask(one) for one in ("questions", "operations", "memory", "kinds")]
        assert all(status in (200, 400) for status, _ in told), told
        assert any("memtrace-check" in body.get("error", "") for _, body in told), told


def test_a_trace_that_grows_shows_what_came(tmp_path: Path) -> None:
    path = tmp_path / "grows.db"
    big_trace(path, 50)
    with browser(path) as page:
        before = page.get("questions")["total"]
        with memtrace.record(path, resume=True), memtrace.step("answer", kind="answer") as op:
            op.output("answer", "late", kind="answer")
        rows = page.get("questions?limit=500")["rows"]
        assert len(rows) == before + 1
        assert (rows[-1]["prediction"], rows[-1]["verdict"]) == ("late", "unscored")
