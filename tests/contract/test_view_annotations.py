"""People label failures on the page; the other tools read what they said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError
from memtrace.scoring.sources.cases import CasesSource
from memtrace.scoring.sources.memtracebench import MemTraceBenchSource

sys.path.insert(0, str(Path(__file__).parent))
from view_support import Browser, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return record(tmp_path / "trace.db")


@pytest.fixture
def page(path: Path) -> Iterator[Browser]:
    with memtrace.view(path, annotate=["ana", "bo"]) as opened:
        yield Browser(opened.url)


def label(row: dict[str, Any], who: str, **changes: Any) -> dict[str, Any]:
    return {
        "answer": row["answer"], "annotator": who, "verdict": "memory error",
        "operations": [row["blamed"]["operation"]], "error_types": [row["blamed"]["error_type"]],
        "reason": "as it says",
    } | changes  # fmt: skip


def test_labels_are_kept_agreed_on_exported_and_scored(page: Browser, path: Path) -> None:
    rows = page.wrong()
    for row in rows:
        for who in ("ana", "bo"):
            status, said = page.post("annotations", label(row, who))
            assert (status, said["annotator"]) == (200, who), said
    differs = {"verdict": "annotation error", "operations": [], "error_types": []}
    page.post("annotations", label(rows[0], "bo", **differs))
    kept = page.get(f"annotations?answer={rows[0]['answer']}")["rows"]
    assert [(one["annotator"], one["verdict"]) for one in kept] == [
        ("ana", "memory error"), ("bo", "annotation error"),
    ]  # fmt: skip
    assert len(page.get("annotations")["rows"]) == 2 * len(rows)
    agreed = page.get("agreement")
    assert (agreed["annotated"], agreed["labelled"]) == (len(rows), len(rows) - 1)
    assert agreed["open"] == [rows[0]["answer"]]
    assert agreed["pairs"][0]["operation"] == pytest.approx(1 - 1 / len(rows))
    assert page.get("trace")["annotators"] == ["ana", "bo"]

    status, written = page.post("annotations/export", {})
    assert status == 200, written
    file = Path(written["path"])
    assert len(json.loads(file.read_text(encoding="utf-8"))["data"]["annotations"]) == len(rows) - 1
    with closing(MemTraceBenchSource(file)) as source:
        assert len(source.refs()) == len(rows) - 1
        with source.load(source.refs()[0]) as loaded:
            assert loaded.label is not None
    folder = path.with_name("trace.db.annotations")
    with closing(CasesSource(folder, replays=False, labelled=True)) as cases:
        found = {}
        for ref in cases.refs():
            with cases.load(ref) as loaded:
                found[loaded.question.answer] = loaded.label
    assert {key: one.operations for key, one in found.items() if one} == {
        row["answer"]: (row["blamed"]["operation"],) for row in rows[1:]
    }


def test_they_outlive_the_page(page: Browser, path: Path) -> None:
    row = page.wrong()[0]
    page.post("annotations", label(row, "ana"))
    with memtrace.view(path) as again:
        later = Browser(again.url)
        assert [one["annotator"] for one in later.get("annotations")["rows"]] == ["ana"]
        assert later.get("trace")["annotators"] == ["ana"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"operations": [], "error_types": []}, 400, "operations: expected at least one"),
        ({"error_types": []}, 400, "error_types: expected one error type for each"),
        ({"error_types": ["judge"]}, 400, "error_types: expected errors of the memory"),
        ({"error_types": ["nonsense"]}, 400, "error_types: expected some of extraction"),
        ({"verdict": "abstained"}, 400, "verdict: expected one of memory error"),
        ({"verdict": "judge error"}, 400, "operations: expected no operation"),
        ({"verdict": ""}, 400, "verdict: expected a verdict"),
        ({"operations": ["op-99999"]}, 400, "operations: expected ids of operations"),
        ({"operations": "op-1"}, 400, "operations: expected a list"),
        ({"answer": "var-1"}, 404, "expected the variable of an answer"),
        ({"answer": 3}, 400, "answer: expected text"),
        ({"annotator": "eve"}, 403, "annotator: expected one who may annotate (ana, bo)"),
        ({"annotator": "../ana"}, 403, "annotator: expected one who may annotate"),
        ({"reason": 3}, 400, "reason: expected text"),
        ({"colour": "red"}, 400, "expected answer, annotator"),
    ],
)
def test_a_label_that_says_no_one_thing_is_refused(
    page: Browser, path: Path, changes: dict[str, Any], status: int, said: str
) -> None:
    row = page.wrong()[0]
    came, body = page.post("annotations", label(row, "ana", **changes))
    assert (came, said in body["error"]) == (status, True), body
    assert page.get("annotations")["rows"] == []
    assert not path.with_name("trace.db.annotations").exists()


def test_nothing_agreed_on_is_not_exported(page: Browser) -> None:
    status, said = page.post("annotations/export", {})
    assert (status, "annotate first" in said["error"]) == (409, True)


def test_an_imported_benchmark_keeps_its_labels(tmp_path: Path) -> None:
    file = Path(__file__).parents[1] / "data" / "memtrace" / "smartcomment_small.json"
    memtrace.import_memtracebench(file, tmp_path / "i.db")
    with memtrace.view(tmp_path / "i.db", annotate=["ana"]) as opened:
        page = Browser(opened.url)
        row = page.get("questions?verdict=wrong")["rows"][0]
        operation = page.get("operations?limit=1")["rows"][0]["id"]
        body = label(row | {"blamed": {"operation": operation, "error_type": "update"}}, "ana")
        assert page.post("annotations", body)[0] == 200
        status, found = page.post("annotations/export", {})
        assert (status, "came with its own" in found["error"]) == (409, True), found


def test_an_annotator_is_a_file_name(path: Path) -> None:
    for name in ("../ana", "ana bo", "", ".ana", "a/b", "é"):
        with pytest.raises(UserError, match="annotate: expected names"):
            memtrace.view(path, annotate=[name])
