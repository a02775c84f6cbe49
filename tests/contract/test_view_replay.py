"""What-if on the page: points, prices, replays, and the two runs side by side."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from memtrace.testing import rule_model

sys.path.insert(0, str(Path(__file__).parent))
from view_support import LONG, RAG, Browser, record


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("whatif") / "trace.db")


@pytest.fixture(scope="module")
def page(path: Path) -> Iterator[Browser]:
    with memtrace.view(path, replay=True, model=rule_model()) as opened:
        yield Browser(opened.url)


def replayed(page: Browser, **body: Any) -> dict[str, Any]:
    status, found = page.post("replay", body)
    assert status == 200, found
    while found["state"] == "running":
        time.sleep(0.02)
        found = page.get(f"jobs/{found['job']}")
    return found


def test_points_tell_what_is_passed_on(page: Browser) -> None:
    row = next(one for one in page.wrong() if one["scope"] == LONG)
    blamed = row["blamed"]["operation"]
    listed = page.get(f"operations/{blamed}")["points"]
    assert [(one["role"], one["is_exact"]) for one in listed] == [("lines", False)]
    (point,) = page.get(f"operations/{blamed}/points")["points"]
    assert point["is_exact"]
    assert {"turn", "date", "text"} <= point["value"][0].keys()


def test_a_repair_is_priced_and_turns_the_answer(page: Browser, path: Path) -> None:
    row = next(one for one in page.wrong() if one["scope"] == LONG)
    read = next(
        node for node in page.get(f"answers/{row['answer']}")["nodes"]
        if node["name"] == "read_window"
    )  # fmt: skip
    (point,) = page.get(f"operations/{read['id']}/points")["points"]
    said = page.get(f"answers/{row['answer']}")["facts"][0]["said"][0]["text"]
    speaker = said.partition("] ")[2]
    body = {
        "interventions": [{"kind": "replace", "at": read["id"], "role": point["role"],
                           "value": f"{point['value']}\n{speaker}"}],
        "questions": [row["question_id"]], "scopes": [LONG],
    }  # fmt: skip
    status, price = page.post("replay/price", body)
    assert status == 200, price
    assert (price["calls"], price["missing"], price["unapplied"]) == (1, 0, [])
    assert price["prompt_tokens"] > 0
    before = path.read_bytes()
    done = replayed(page, **body)
    assert (done["state"], done["error"]) == ("done", None)
    assert (done["done"], done["total"]) == (1, 1)
    result = done["result"]
    assert result["calls"] == 1
    (change,) = result["changes"]
    assert (change["question"], change["was_right"], change["is_right"]) == (
        row["question_id"], False, True,
    )  # fmt: skip
    assert path.read_bytes() == before

    key = result["key"]
    assert key in [one["key"] for one in page.get("trace")["others"]]
    found = page.until(f"compare?other={key}&changed=1", "state", "done")
    shown = next(one for one in found["rows"] if one["right"] is not None)
    assert (shown["left"]["verdict"], shown["right"]["verdict"]) == ("wrong", "right")
    assert shown["changed"]
    first = shown["first_difference"]
    assert first["left"] == read["id"]
    assert found["totals"]["fixed"] == 1


def test_a_parameter_is_set_for_one_memory(page: Browser) -> None:
    body = {"interventions": [{"kind": "set_parameter", "name": "top_k", "value": 8,
                               "scope": RAG}]}  # fmt: skip
    done = replayed(page, **body)
    assert done["state"] == "done", done
    assert {one["scope"] for one in done["result"]["changes"]} <= {RAG}
    assert done["result"]["questions"] == 8


def test_a_factual_replay_is_the_same_run(page: Browser) -> None:
    done = replayed(page, interventions=[])
    assert (done["result"]["calls"], done["result"]["changes"]) == (0, [])
    found = page.until(f"compare?other={done['result']['key']}", "state", "done")
    assert found["totals"]["changed"] == 0
    assert {row["first_difference"] for row in found["rows"]} == {None}
    assert page.get(f"compare?other={done['result']['key']}&limit=3")["total"] == 8


def test_without_a_model_the_price_says_what_is_missing(path: Path) -> None:
    with memtrace.view(path, replay=True) as opened:
        page = Browser(opened.url)
        body = {"interventions": [{"kind": "swap_prompt", "name": "qa", "scope": RAG,
                                   "text": "### user\n{context}\n{question}"}]}  # fmt: skip
        _, price = page.post("replay/price", body)
        assert price["calls"] == price["missing"] == 4
        assert price["model"] is None
        done = replayed(page, **body)
        assert (done["result"]["missing"], done["result"]["complete"]) == (4, False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"interventions": [{"kind": "explode"}]}, "expected kind to be one of"),
        ({"interventions": {"kind": "drop"}}, "expected a list of objects"),
        ({"interventions": [], "questions": "q1"}, "questions: expected a list of names"),
        ({"interventions": [], "questions": ["nope"]}, "none of nope is in this trace"),
        ({"interventions": [], "scopes": ["nope"]}, "scopes: expected some of"),
        ({"interventions": [], "model": "x"}, "expected interventions, questions, scopes"),
        ({"interventions": [{"kind": "drop", "at": "op-9999"}]}, "expected the id of an operation"),
        ({"interventions": [{"kind": "set_parameter", "name": "top_k", "value": "many",
                             "scope": RAG}]}, "expected top_k to be int"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(page: Browser, body: dict[str, Any], said: str) -> None:
    status, found = page.post("replay/price", body)
    assert (status, said in found["error"]) == (400, True), found


def test_a_replay_that_cannot_be_made_says_so(page: Browser) -> None:
    done = replayed(page, interventions=[{"kind": "drop", "at": "op-9999"}])
    assert (done["state"], done["result"]) == ("failed", None)
    assert "expected the id of an operation" in done["error"]


def test_other_traces_are_given_by_name(path: Path, tmp_path: Path) -> None:
    same = tmp_path / "trace.db"
    same.write_bytes(path.read_bytes())
    with memtrace.view(path, others=[same, path]) as opened:
        page = Browser(opened.url)
        assert [one["key"] for one in page.get("trace")["others"]] == ["trace", "trace-2"]
        for key in ("trace", "trace-2"):
            found = page.until(f"compare?other={key}", "state", "done")
            assert (found["total"], found["totals"]["changed"]) == (8, 0)
