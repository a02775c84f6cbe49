"""The validator: what a file contains, and everything that is wrong with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import RubricPrompt, filter_by_length, validate_file, validate_prompts
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric

RULE = "def check_following(instruction, response):\n    return True"


class Words:
    """A tokenizer whose tokens are words."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[str]:
        assert not add_special_tokens
        return text.split()


def prompt(
    id: str, *criteria: Criterion, text: str = "Write a poem.", **extra: Any
) -> RubricPrompt:
    return RubricPrompt(id=id, prompt=text, rubric=Rubric(criteria), source="s", metadata=extra)


def one(constraint_id: str | None = None, text: str = "Be short.", **kwargs: Any) -> Criterion:
    return Criterion(id="c0", text=text, constraint_id=constraint_id, kwargs=kwargs)


def test_criteria_are_counted_by_what_decides_them() -> None:
    report = validate_prompts(
        [prompt("a", one("punctuation:no_comma")), prompt("b", one("code:python", source=RULE)),
         prompt("c", one()), prompt("d", one())],
        "mine",
    )  # fmt: skip
    assert report.routes == {"program": 1, "code": 1, "judge": 2}
    assert (report.prompts, report.criteria, report.is_clean) == (4, 4, True)
    assert report.kinds["program"] == {"punctuation:no_comma": 1}


FAULTS = [
    (prompt("a", one("no:such")), "unknown_ids"),
    (prompt("a", one("keywords:existence", keywords=[])), "bad_arguments"),
    (prompt("a", one("code:python", source="def (")), "bad_code"),
    (prompt("a", one("code:python")), "bad_code"),
    (prompt("a", one(text=" ")), "no_wording"),
    (prompt("a"), "empty_rubrics"),
    (prompt("a", one(), text="\n"), "empty_prompts"),
]


@pytest.mark.parametrize(("bad", "fault"), FAULTS)
def test_each_fault_is_counted_and_told(bad: RubricPrompt, fault: str) -> None:
    report = validate_prompts([bad], "mine")
    assert {name for name, count in report.faults.items() if count} == {fault}
    assert any(fault.replace("_", " ").replace("no wording", "without wording") in line
               for line in report.lines()), report.lines()  # fmt: skip
    assert not report.is_clean


def test_an_id_alone_is_no_wording() -> None:
    bare = one("words:start", "The response satisfies words:start(word='a').", word="a")
    assert validate_prompts([prompt("a", bare)], "mine").no_wording == ("a/c0",)


def test_code_is_compiled_and_not_run(tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'ran')!r}, 'w')\n{RULE}"
    assert validate_prompts([prompt("a", one("code:python", source=source))], "mine").is_clean
    assert not (tmp_path / "ran").exists()


def test_warnings_of_the_reader_are_kept_with_their_prompt() -> None:
    report = validate_prompts([prompt("a", one(), warnings=["odd"])], "mine")
    assert (report.warnings, report.is_clean) == (("a: odd",), True)


LENGTHS = ["w " * 5, "w " * 6, "w " * 10, "w " * 11]


def test_lengths_are_told_with_the_bounds_of_the_filter() -> None:
    rows = [prompt(str(i), one(), text=text) for i, text in enumerate(LENGTHS)]
    report = validate_prompts(rows, "mine", tokenizer=Words(), max_tokens=10)
    figures = report.figures()
    assert [figures[name] for name in ("too_short", "too_long", "kept_by_length")] == [1, 1, 2]
    assert (figures["tokens_least"], figures["tokens_most"]) == (5, 11)
    kept = filter_by_length(rows, Words(), max_tokens=10)
    assert [[p.id for p in part] for part in (kept.too_short, kept.kept, kept.too_long)] == [
        ["0"], ["1", "2"], ["3"],
    ]  # fmt: skip


def test_bounds_that_leave_nothing_are_an_error() -> None:
    with pytest.raises(ValueError, match="min_tokens < max_tokens, got 9 and 9"):
        filter_by_length([], Words(), min_tokens=9, max_tokens=9)


def test_figures_are_json_and_lines_are_plain() -> None:
    report = validate_prompts([prompt("a", one("no:such")), prompt("a")], "mine", spec="x.jsonl")
    figures = json.loads(json.dumps(report.figures()))
    assert (figures["prompts"], figures["faults"], figures["by_program"]) == (2, 3, 1)
    assert figures["details"]["duplicate ids"] == ["a"]
    assert report.lines()[0] == "mine: 2 prompts, 1 criteria (x.jsonl)"
    assert report.lines()[-1] == "faults: 3"


def ifeval(key: Any, **changes: Any) -> Mapping[str, Any]:
    row = {"key": key, "prompt": "No commas.", "kwargs": [{}],
           "instruction_id_list": ["punctuation:no_comma"]}  # fmt: skip
    return row | changes


def test_it_goes_on_after_bad_rows_and_lists_them_all(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [
        json.dumps(ifeval(1)), "{broken", "[1]", json.dumps(ifeval(2, kwargs=3)),
        json.dumps(ifeval(1)), json.dumps(ifeval(3)),
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    report = validate_file("ifeval", path)
    assert report.prompts == 3
    assert [(bad.row, bad.field) for bad in report.bad_rows] == [
        (1, None), (2, None), (3, "kwargs"),
    ]  # fmt: skip
    assert report.duplicates == ("1",)
    assert any(f"{path}, row 3, field 'kwargs': expected a list" in line for line in report.lines())


def test_all_malformed_rows_are_shown_whatever_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("[]\n" * 9)
    shown = [line for line in validate_file("ifeval", path).lines(most=2) if "row " in line]
    assert len(shown) == 9


def test_a_list_with_a_row_that_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ifeval(1), "x", ifeval(2)]))
    report = validate_file("ifeval", path)
    assert (report.prompts, [bad.row for bad in report.bad_rows]) == (2, [1])


def test_a_broken_file_is_one_malformed_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    whole = gzip.compress(json.dumps(ifeval(1)).encode() * 500)
    path.write_bytes(whole[: len(whole) // 2])
    report = validate_file("ifeval", path)
    assert [bad.row for bad in report.bad_rows] in ([None], [0])


def test_marks_of_people_are_counted_by_kind(tmp_path: Path) -> None:
    feedback = {
        "missing-info": [],
        "corrected-prediction": "",
        "errors": [
            {"error type": kind, "start": 0, "end": 1} for kind in ("Redundant", "Irrelevant")
        ],
    }
    row = {
        "question": "q",
        "passages": [],
        "feedback": feedback,
        **{f"prediction {number}": "a" for number in range(1, 5)},
    }
    path = tmp_path / "marked.json"
    path.write_text(json.dumps([row, {**row, "question": 3}, row]), encoding="utf-8")
    report = validate_file("qa_feedback", path)
    assert (report.prompts, report.routes) == (1, {"people": 2})
    assert report.kinds["people"] == {"Redundant": 1, "Irrelevant": 1}
    assert [one.row for one in report.bad_rows] == [1, 2]
    assert "by people: 2 (100.0%)" in report.lines()


@pytest.mark.parametrize("name", ["locomo", "nothing"])
def test_only_sets_of_prompts(name: str) -> None:
    with pytest.raises(UserError, match=f"expected one of .*hir, .*got '{name}'"):
        validate_file(name, "x.jsonl")


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(UserError, match="no such file"):
        validate_file("hir", "missing.jsonl")
