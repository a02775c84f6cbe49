"""`rtt-label`: labelled responses from program checks, people and models, divided and reported."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcommon.extras import is_available
from lmcommon.testing.stub_server import StubServer
from rtt.discriminator import LabelledResponse, read_examples, write_examples
from rtt.labelling import is_held_out_kind
from rtt.run.label import main as label_main

from .verb_support import run, start

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
PARTS = ("train", "validation", "test", "held_out")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rtt"])  # Hydra's entry sets it; put back after


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def rows_of(folder: Path) -> dict[str, list[LabelledResponse]]:
    return {name: list(read_examples(folder / f"{name}.jsonl")) for name in PARTS}


def model(role: str, server: StubServer, *more: str) -> list[str]:
    return [
        f"llm@{role}_llm=openai", f"{role}_llm.base_url={server.base_url}",
        f"{role}_llm.model=stub", f"{role}_llm.api_key_env=null", f"{role}_llm.attempts=1",
        *(f"{role}_llm.{one}" for one in more),
    ]  # fmt: skip


def given_answers(folder: Path) -> list[str]:
    """Two prompts, one with a compliant response and one that breaks a criterion."""
    ids = ["punctuation:no_comma", "keywords:existence"]
    kwargs: list[dict[str, Any]] = [{}, {"keywords": ["pier"]}]
    prompts = [
        {"key": n, "prompt": f"Say {n}.", "instruction_id_list": ids, "kwargs": kwargs}
        for n in range(2)
    ]
    answers = [
        {"prompt": "Say 0.", "response": "The gull sits on the pier. It sleeps."},
        {"prompt": "Say 1.", "response": "Well, the pier is old."},
    ]
    for name, lines in (("p.jsonl", prompts), ("a.jsonl", answers)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8")
    return ["data=ifeval", "data.path=p.jsonl", "responses=a.jsonl"]


def test_rule_made_rows_are_divided_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label_main.run(["rows=428", "hydra.run.dir=r"]) == 0
    figures, parts = told(capsys), rows_of(tmp_path / "r")
    assert figures["rows"] == 428
    assert figures["kinds"] == 107
    assert {name: figures[name] for name in PARTS} == {
        name: len(part) for name, part in parts.items()
    }
    assert {is_held_out_kind(row.kind) for row in parts["held_out"]} == {True}
    assert not [row for name in PARTS[:3] for row in parts[name] if is_held_out_kind(row.kind)]
    report = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert "| punctuation:no_comma | forbidden | 4 | 2 | 2 |" in report
    assert "rejected: nothing" in report


def test_texts_of_which_none_can_be_used_are_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.jsonl").write_text('{"response": "a long one"}\n', encoding="utf-8")
    words = ["texts=texts.jsonl", "rules.longest_given=5", "rows=10"]
    assert label_main.run(words) == 2
    assert "texts: expected responses of 1 to 5 characters; got 1" in capsys.readouterr().err


def test_given_responses_are_labelled_and_compliant_ones_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sources=[checked,edits]", *given_answers(tmp_path), "hydra.run.dir=r"]
    assert label_main.run(words) == 0
    figures = told(capsys)
    rows = [row for part in rows_of(tmp_path / "r").values() for row in part]
    checked = {(row.prompt_id, row.kind): row.spans for row in rows if row.origin == "ifeval"}
    assert checked["ifeval:1", "punctuation:no_comma"] == ((4, 5),)
    assert len(checked) == 4
    edited = [row for row in rows if row.origin == "edit"]
    assert sorted(str(row.satisfied) for row in edited) == ["False", "True"]
    assert {row.prompt_id for row in edited} == {"ifeval:0"}
    assert figures["rejected"] == 1
    rejected = json.loads((tmp_path / "r" / "rejected.jsonl").read_text(encoding="utf-8"))
    assert rejected["reason"] == "the response breaks a criterion already"
    assert "punctuation:no_comma" not in rejected["reason"]
    assert "1 breaks" not in rejected["detail"]


def test_one_prompt_stays_in_one_part_over_all_sources(tmp_path: Path) -> None:
    words = ["sources=[checked,edits]", *given_answers(tmp_path), "hydra.run.dir=r"]
    assert label_main.run([*words, "split.test=0.5", "split.validation=0.2"]) == 0
    places: dict[str, set[str]] = {}
    for name, part in rows_of(tmp_path / "r").items():
        for row in part:
            places.setdefault(row.prompt_id, set()).add(name)
    assert [len(one) for one in places.values()] == [1, 1]


def marked(body: Mapping[str, Any]) -> str:
    """Marks the first word of the response that it reads."""
    text = body["messages"][-1]["content"]
    found = re.search(r"<response>\n(\S+)", text)
    assert found is not None
    return json.dumps({"type": "partial_relevant", "segments": [found.group(1)]})


def infobench(folder: Path) -> list[str]:
    rows = [
        {
            "id": str(n), "instruction": "Greet.", "input": "", "decomposed_questions": ["Kind?"],
            "output": f"Hello there {n}.",
        }
        for n in range(3)
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "i.jsonl").write_text(text, encoding="utf-8")
    return ["sources=[annotator]", "data=infobench", "data.path=i.jsonl", "responses=stored"]


def test_two_annotators_label_what_both_agree_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(body: Mapping[str, Any]) -> str:
        if "Hello there 2." in json.dumps(body["messages"]):
            return json.dumps({"type": "partial_relevant", "segments": ["nowhere"]})
        return json.dumps({"type": "partial_relevant", "segments": ["Hello there"]})

    with StubServer(marked) as first, StubServer(other) as second:
        words = [*infobench(tmp_path), *model("annotator", first), *model("second", second)]
        assert label_main.run([*words, "hydra.run.dir=r", "split.hold_out_kinds=false"]) == 0
    figures = told(capsys)
    rows = [row for part in rows_of(tmp_path / "r").values() for row in part]
    assert {(row.spans, row.unlabelled, row.source, row.kind) for row in rows} == {
        (((0, 5),), ((5, 11),), "annotator", "judged")
    }
    assert (figures["rows"], figures["annotator_rows"], figures["annotator_alone"]) == (2, 2, 1)
    assert (figures["rejected"], figures["annotator_calls"], figures["second_calls"]) == (1, 3, 3)
    assert figures["annotator_iou"] == pytest.approx(5 / 11, abs=1e-4)
    report = (tmp_path / "r" / "report.md").read_text(encoding="utf-8")
    assert "| annotator | segments missing | 1 |" in report


def test_an_annotator_is_measured_against_the_program_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StubServer(marked) as server:
        words = ["sources=[annotator]", "annotations=6", "rules.kinds=[words:start]"]
        assert label_main.run([*words, *model("annotator", server), "hydra.run.dir=r"]) == 0
    figures = told(capsys)
    assert figures["exact_rows"] == 3, "a mark in a response that breaks it is a contradiction"
    assert figures["rejected"] == 3
    assert figures["exact_f1"] > 0.8


def test_a_writer_that_is_down_leaves_rejections_and_no_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StubServer(marked) as server:
        server.take_down()
        words = ["sources=[omissions]", "omissions=3", *model("writer", server)]
        assert label_main.run([*words, "hydra.run.dir=r"]) == 0
    figures = told(capsys)
    assert (figures["rows"], figures["rejected"], figures["relevant_share"]) == (0, 3, None)


def test_rows_of_people_and_of_files_join_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"error type": "Irrelevant", "start": 0, "end": 3, "explanation": ""}
    row = {
        "question": "q?", "passages": [["T", "s"]], "gold": "g",
        **{f"prediction {n}": "abc def" for n in range(1, 5)},
        "feedback": {"errors": [error], "missing-info": [], "corrected-prediction": ""},
        "preference": [0] * 6,
    }  # fmt: skip
    (tmp_path / "qa.json").write_text(json.dumps([row]), encoding="utf-8")
    write_examples(
        tmp_path / "own.jsonl", [LabelledResponse(criterion="c", response="ab", spans=None)]
    )
    words = ["sources=[people,files]", "people=qa.json", "files=[own.jsonl]", "hydra.run.dir=r"]
    assert label_main.run(words) == 0
    rows = [row for part in rows_of(tmp_path / "r").values() for row in part]
    assert {(row.kind, row.origin) for row in rows} == {
        ("people:irrelevant", "qa_feedback"), ("", "file"),
    }  # fmt: skip
    assert told(capsys)["rows"] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sources=[rule]"], "sources: expected one or more of rules, checked"),
        (["sources=[rules,rules]"], "sources: expected each once"),
        (["sources=[people]"], "sources=people: expected people=FILE"),
        (["sources=[annotator]"], "sources=annotator: expected llm@annotator_llm"),
        (["sources=[omissions]"], "sources=omissions: expected llm@writer_llm"),
        (["sources=[checked]"], "sources=checked: expected data="),
        (["rows=0"], "rows: expected at least 1"),
        (["rules.kinds=[no:such]"], "rules.kinds: expected ids"),
        (["split.test=1"], "split: expected shares"),
        (["annotate=some"], "annotate: expected one of judged"),
        (["responses=a.jsonl"], "responses: expected the prompts they answer"),
        (["sources=[files]", "files=[nowhere.jsonl]"], "nowhere.jsonl"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    code = label_main.run(words)
    captured = capsys.readouterr()
    assert code == 2, captured.out
    assert expected in captured.err
    assert len(captured.err.splitlines()) == 1, captured.err


@pytest.mark.slow
def test_killed_and_resumed_it_makes_the_same_rows(tmp_path: Path) -> None:
    words = ["sources=[rules,edits]", "rows=600", "edits=40", "batch=8"]
    whole = run("label", *words, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    victim = start("label", *words, "hydra.run.dir=killed", cwd=tmp_path)
    kept = tmp_path / "killed" / "outcomes-rules.jsonl"
    while victim.poll() is None and not (kept.exists() and kept.stat().st_size > 20_000):
        pass
    victim.kill()
    victim.wait()
    resumed = run("label", "resume=killed", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    for name in PARTS:
        pair = [(tmp_path / one / f"{name}.jsonl").read_bytes() for one in ("whole", "killed")]
        assert pair[0] == pair[1], name
