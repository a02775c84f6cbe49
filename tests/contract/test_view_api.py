"""Every address of memtrace-view's API on the trace of two real systems."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

import memtrace

sys.path.insert(0, str(Path(__file__).parent))
from view_support import LONG, RAG, Browser, record


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("view") / "trace.db")


@pytest.fixture(scope="module")
def page(path: Path) -> Iterator[Browser]:
    with memtrace.view(path) as opened:
        yield Browser(opened.url)


def test_the_trace_tells_its_memories(page: Browser, path: Path) -> None:
    found = page.until("trace", "ready", True)
    with memtrace.open(path) as trace:
        assert found["operations"] == trace.counts["operations"]
        assert found["variables"] == trace.counts["variables"]
        assert found["run"] == trace.metadata["run"]
    assert [(one["name"], one["replayable"], one["prompts"]) for one in found["scopes"]] == [
        (LONG, True, ["qa"]), (RAG, True, ["qa"]),
    ]  # fmt: skip
    assert found["scopes"][1]["parameters"]["top_k"] == 2
    assert found["can"] == {"replay": False, "annotate": False}
    assert found["version"] == memtrace.__version__


def test_questions_are_paged_filtered_and_attributed(page: Browser) -> None:
    found = page.until("questions", "pending", 0)
    assert found["total"] == len(found["rows"]) == 8
    assert sum(found["counts"].values()) == 8
    assert found["counts"]["wrong"] > 0
    paged = [page.get(f"questions?offset={n}&limit=3")["rows"] for n in (0, 3, 6)]
    assert [row for rows in paged for row in rows] == found["rows"]
    for row in found["rows"]:
        assert row["attributed"] == ("done" if row["verdict"] == "wrong" else "none"), row
        assert row["question"], row
    wrong = page.get("questions?verdict=wrong")["rows"]
    assert [row["answer"] for row in wrong] == [
        row["answer"] for row in found["rows"] if row["verdict"] == "wrong"
    ]
    name = wrong[0]["blamed"]["name"]
    blamed = page.get(f"questions?operation={name}")["rows"]
    assert blamed
    assert {row["blamed"]["name"] for row in blamed} == {name}
    assert {row["scope"] for row in page.get(f"questions?scope={quote(RAG)}")["rows"]} == {RAG}
    words = found["rows"][0]["question"]
    assert page.get(f"questions?q={quote(words.upper())}")["total"] >= 1
    assert page.get("questions?q=no-such-word")["total"] == 0


def test_blame_is_what_attribute_says(page: Browser, path: Path) -> None:
    with memtrace.open(path) as trace:
        for row in page.wrong():
            said = memtrace.attribute(
                trace, row["answer"], gold=row["gold"], evidence=row["evidence"], judged=False
            )
            blamed = row["blamed"]
            assert (blamed["operation"], blamed["error_type"], blamed["confidence"]) == (
                said.operation, said.error_type, said.confidence
            ), row  # fmt: skip
            assert row["reason"] == said.reason


def test_the_lineage_shows_where_a_fact_dies(page: Browser, path: Path) -> None:
    for row in page.wrong():
        found = page.get(f"answers/{row['answer']}")
        assert found["question"] == row
        assert found["attribution"]["log"]
        nodes = {node["id"]: node for node in found["nodes"]}
        assert [node["seq"] for node in found["nodes"]] == sorted(n["seq"] for n in nodes.values())
        assert {node["lane"] for node in nodes.values()} <= set(found["lanes"])
        assert nodes[row["blamed"]["operation"]]["blamed"]
        assert row["operation"] in nodes
        assert nodes[row["judge"]]["lane"] == "judge"
        died = [fact for fact in found["facts"] if fact["death"]]
        assert died, found["facts"]
        for fact in died:
            assert fact["index"] in nodes[fact["death"]]["loses"]
            assert fact["said"][0]["variable"] in found["variables"]
        named = {one for node in nodes.values() for side in ("inputs", "outputs")
                 for ids in node[side].values() for one in ids}  # fmt: skip
        assert named <= found["variables"].keys()
        assert found["left_out"] == 0


def test_a_right_answer_has_a_lineage_and_no_blame(page: Browser) -> None:
    row = page.get("questions?verdict=right")["rows"][0]
    found = page.get(f"answers/{row['answer']}")
    assert (found["attribution"], found["facts"]) == (None, [])
    assert len(found["nodes"]) > 3


def test_an_operation_tells_everything(page: Browser) -> None:
    row = page.wrong()[0]
    made = page.get(f"operations/{row['operation']}")
    assert (made["kind"], made["status"], made["scope"]) == ("answer", "ok", row["scope"])
    assert row["question"] in made["prompt"]["text"]
    assert made["template"]["name"] == "qa"
    assert made["template"]["placeholders"] == ["context", "question"]
    assert made["points"] == [{"role": "reply", "value": row["prediction"], "is_exact": True}]
    assert made["usage"]["calls"] == 1
    assert made["outputs"]["answer"][0]["id"] == row["answer"]
    add = page.get("operations?kind=ingest&limit=1")["rows"][0]
    assert [one["name"] for one in page.get(f"operations/{add['id']}")["children"]] == ["append"]


def test_a_value_is_read_piece_by_piece(page: Browser, path: Path) -> None:
    with memtrace.open(path) as trace:
        variable = next(trace.variables(kind="context"))
        text = trace.value(variable.id)
    first = page.get(f"variables/{variable.id}?limit=10")
    assert (first["text"], first["more"], first["length"]) == (text[:10], True, len(text))
    rest = page.get(f"variables/{variable.id}?offset=10")
    assert (first["text"] + rest["text"], rest["more"]) == (text, False)
    assert rest["consumers"]
    verdict = page.get("operations?kind=judge&limit=1")["rows"][0]["id"]
    judged = page.get(f"operations/{verdict}")["outputs"]["verdict"][0]["id"]
    assert page.get(f"variables/{judged}")["is_json"]


def test_the_timeline_goes_on_where_it_stopped(page: Browser, path: Path) -> None:
    seen, after = [], 0
    while after is not None:
        found = page.get(f"operations?after={after}&limit=7")
        seen += [row["id"] for row in found["rows"]]
        after = found["next"]
    with memtrace.open(path) as trace:
        assert seen == list(trace.graph.operations)
    only = page.get(f"operations?scope={quote(RAG)}&name=retrieve")["rows"]
    assert {(row["scope"], row["name"]) for row in only} == {(RAG, "retrieve")}
    kinds = page.get("kinds")["rows"]
    assert sum(one["operations"] for one in kinds) == len(seen)


def test_the_memory_at_any_moment(page: Browser, path: Path) -> None:
    with memtrace.open(path) as trace:
        for seq in (1, trace.last_seq // 3, trace.last_seq):
            held = trace.state_at(seq)
            found = page.get(f"memory?seq={seq}&limit=500")
            assert found["total"] == len(held)
            assert [row["variable"] for row in found["rows"]] == [v.id for v in held.values()]
        inside = page.get(f"memory?scope={quote(LONG)}")["rows"]
        assert [row["item"] for row in inside] == [f"{LONG}/window"]
        item = inside[0]["item"]
        versions = page.get(f"memory/items/{quote(item, safe='')}")["versions"]
        assert [one["variable"] for one in versions] == [v.id for v in trace.history(item)]
    left, right = versions[0]["variable"], versions[1]["variable"]
    spans = page.get(f"diff?left={left}&right={right}")["spans"]
    assert {sign for sign, _ in spans} <= {"=", "-", "+"}
    assert "".join(text for sign, text in spans if sign != "+") == versions[0]["text"]
    assert "".join(text for sign, text in spans if sign != "-") == versions[1]["text"]
    word = versions[0]["text"].split()[3]
    assert page.get(f"memory?q={quote(word)}")["total"] > 0


def test_search_marks_the_words(page: Browser) -> None:
    word = page.get("questions")["rows"][0]["question"].split()[-1].strip("?")
    found = page.until(f"search?q={quote(word)}", "state", "ready")
    assert found["hits"]
    for hit in found["hits"]:
        marked = [text.lower() for text, is_hit in hit["excerpt"] if is_hit]
        assert word.lower() in marked, hit


def test_prompts_and_the_check(page: Browser) -> None:
    prompts = page.get(f"prompts?scope={quote(RAG)}")["rows"]
    assert [(one["name"], "{question}" in one["text"]) for one in prompts] == [("qa", True)]
    assert page.get("check")["ok"]


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("operations/op-999999", 404, "expected an operation"),
        ("operations/nonsense", 400, "expected"),
        ("variables/var-999999", 404, "expected a variable"),
        ("answers/var-2", 404, "expected the variable of an answer"),
        ("memory/items/nothing", 404, "expected a memory item"),
        ("questions?offset=-1", 400, "offset: expected a whole number"),
        ("questions?limit=two", 400, "limit: expected a whole number"),
        ("compare?other=x", 404, "other: expected one of"),
        ("jobs/1", 403, "start it with replay=true"),
        ("operations/op-1/points", 403, "replay=true"),
        ("nothing", 404, "expected a route of the API"),
        ("replay", 405, "expected a route of the API"),
    ],
)
def test_a_wrong_request_is_told_what_was_expected(
    page: Browser, address: str, status: int, said: str
) -> None:
    came, body = page.ask(address)
    assert (came, list(body)) == (status, ["error"])
    assert said in body["error"], body


def test_many_ask_while_failures_are_attributed(tmp_path: Path) -> None:
    with memtrace.view(record(tmp_path / "busy.db")) as opened:
        page = Browser(opened.url)
        paths = ["trace", "questions", "kinds", "memory", "operations?limit=5", "search?q=Chidi"]
        with ThreadPoolExecutor(max_workers=16) as pool:
            found = list(pool.map(page.ask, paths * 20))
        assert [status for status, _ in found] == [200] * len(found), found
        rows = page.wrong()
        answers = [f"answers/{row['answer']}" for row in rows] * 10
        with ThreadPoolExecutor(max_workers=16) as pool:
            lineages = list(pool.map(page.get, answers))
        assert lineages[: len(rows)] * 10 == lineages


def test_the_trace_is_not_written(path: Path, page: Browser) -> None:
    before = path.read_bytes()
    for address in ("questions", "memory", "kinds", "search?q=Chidi"):
        page.get(address)
    assert path.read_bytes() == before


def test_a_closed_page_keeps_no_connection(path: Path) -> None:
    with memtrace.view(path) as opened:
        browser = Browser(opened.url)
        line = http.client.HTTPConnection(browser.address, timeout=10)
        asked = ("GET", "/api/trace", None, {"Cookie": browser.cookie})
        line.request(*asked)
        response = line.getresponse()
        assert response.status == 200
        response.read()
    kept = line.sock
    assert kept is not None, "the browser would ask again on this connection"
    assert kept.recv(1) == b"", "the server has hung up"
    line.close()
