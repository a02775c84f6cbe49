"""Verdict files in the references' format, and where two of them differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmcommon.data.ifeval import read_verdicts
from lmcommon.data.registry import load_prompts
from rtt.engine.given import cut_words, read_given
from rtt.evaluate import BENCHMARKS, items_of, results_of
from rtt.evaluate.loose import keep_loose, loose_of, read_loose
from rtt.evaluate.verdict_files import compare_verdicts, write_responses, write_verdicts
from rtt.records import records_of
from rtt.train.scoring import Scorer

from .evaluate_support import answer, item, prompt

ITEMS = [
    item(prompt("a", "k:x", "k:y"), answer(True, False, text="one", loose=(True, True))),
    item(prompt("b", "k:x", verdict_doubt={"k:x": "no seed"}), answer(True, text="two")),
    item(prompt("c", "k:x"), answer(None, text="three")),
]


def test_a_file_is_read_back_as_a_reference_file_is(tmp_path: Path) -> None:
    path = tmp_path / "eval_results_strict.jsonl"
    assert write_verdicts(path, ITEMS, "strict") == 1, "what has no verdict is left out"
    told = [
        (one.prompt, one.response, one.constraint_ids, one.satisfied) for one in read_verdicts(path)
    ]
    assert told == [
        ("Write a.", "one", ("k:x", "k:y"), (True, False)),
        ("Write b.", "two", ("k:x",), (True,)),
    ]


def test_several_samples_of_a_prompt_are_numbered(tmp_path: Path) -> None:
    write_verdicts(
        tmp_path / "v.jsonl", [item(prompt("a", "k"), answer(True), answer(False))], "strict"
    )
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [row["sample"] for row in rows] == [0, 1]


def test_differences_are_named_with_their_known_doubts(tmp_path: Path) -> None:
    theirs = [
        item(prompt("a", "k:x", "k:y"), answer(False, False, text="one")),
        item(prompt("b", "k:x"), answer(False, text="two")),
        item(prompt("b", "k:x"), answer(False, text="another response")),
        item(prompt("a", "k:other", "k:y"), answer(False, True, text="one")),
    ]
    write_verdicts(tmp_path / "theirs.jsonl", theirs, "strict")
    got = compare_verdicts(ITEMS, tmp_path / "theirs.jsonl", "strict")
    assert (got.responses, got.criteria, got.equal) == (2, 3, 1)
    told = [
        (one.prompt, one.constraint, one.ours, one.theirs, one.doubt) for one in got.differences
    ]
    assert told == [("a", "k:x", True, False, ""), ("b", "k:x", True, False, "no seed")]
    assert [one.prompt for one in got.unexplained] == ["a"]
    assert got.unmatched == ("Write b.", "Write a."), "another response, another rubric"
    assert got.prompt_accuracy == (0.5, 0.0)
    assert got.criterion_accuracy == (pytest.approx(2 / 3), 0.0)


def test_a_doubt_explains_its_own_constraint_alone(tmp_path: Path) -> None:
    asked = prompt("a", "k:x", "k:y", label_doubt="odd", verdict_doubt={"k:y": "no seed"})
    write_verdicts(tmp_path / "t.jsonl", [item(asked, answer(False, False))], "strict")
    got = compare_verdicts([item(asked, answer(True, True))], tmp_path / "t.jsonl", "strict")
    assert [one.doubt for one in got.differences] == ["", "no seed"]


def test_a_verdict_of_ours_that_is_missing_is_no_failure(tmp_path: Path) -> None:
    theirs = [item(prompt(name, "k"), answer(True, text=name)) for name in "ab"]
    write_verdicts(tmp_path / "t.jsonl", theirs, "strict")
    ours = [theirs[0], item(prompt("b", "k"), answer(None, text="b"))]
    got = compare_verdicts(ours, tmp_path / "t.jsonl", "strict")
    assert (got.responses, got.unscored, got.equal, len(got.unexplained)) == (2, 1, 1, 1)
    assert (got.prompt_accuracy, got.criterion_accuracy) == ((1.0, 1.0), (1.0, 1.0))


def test_the_canary_of_a_prompt_goes_with_its_text(tmp_path: Path) -> None:
    told = [item(prompt("a", "k", canary="keep me"), answer(True)), item(prompt("b", "k"))]
    write_responses(tmp_path / "r.jsonl", told)
    write_verdicts(tmp_path / "v.jsonl", told, "strict")
    rows = [json.loads((tmp_path / name).read_text()) for name in ("r.jsonl", "v.jsonl")]
    assert [row["canary"] for row in rows] == ["keep me", "keep me"]


def test_the_loose_reading_is_compared_with_loose_verdicts(tmp_path: Path) -> None:
    write_verdicts(tmp_path / "loose.jsonl", ITEMS, "loose")
    assert compare_verdicts(ITEMS, tmp_path / "loose.jsonl", "loose").differences == ()
    assert len(compare_verdicts(ITEMS, tmp_path / "loose.jsonl", "strict").differences) == 1


def test_loose_rows_survive_a_torn_line(tmp_path: Path) -> None:
    keep_loose(tmp_path, 0, {(0, 0, 0): (True, None)})
    with (tmp_path / "loose-00000.jsonl").open("a") as out:
        out.write('{"place": [0, 1')
    keep_loose(tmp_path, 0, {(0, 1, 0): (False,)})
    keep_loose(tmp_path, 1, {(1, 0, 0): (True,)})
    assert read_loose(tmp_path) == {
        (0, 0, 0): (True, None),
        (0, 1, 0): (False,),
        (1, 0, 0): (True,),
    }


SETS = {
    "ifeval": ("input_data.dev.jsonl", 379, 569),
    "ifbench": ("IFBench_test.dev.jsonl", 203, 229),
}


@pytest.mark.parametrize("name", SETS)
def test_published_answers_get_the_published_accuracy_but_for_known_errors(
    shared_data: Path, name: str
) -> None:
    file, responses, criteria = SETS[name]
    folder = shared_data / name
    prompts = load_prompts(name, folder / file)
    strict = folder / "reference_verdicts_strict.dev.jsonl.gz"
    scored = Scorer().score(read_given(strict, prompts, cut_words).groups)
    records = records_of(scored)
    loose = {(0, n, 0): loose_of(one.prompt, one.samples[0]) for n, one in enumerate(scored)}
    items = items_of(records, loose)
    for reading, path in (
        ("strict", strict), ("loose", folder / "reference_verdicts_loose.dev.jsonl.gz")
    ):  # fmt: skip
        got = compare_verdicts(items, path, reading)  # type: ignore[arg-type]
        assert (got.responses, got.criteria, got.unmatched) == (responses, criteria, ())
        assert got.unexplained == ()
        assert len(got.differences) <= 2
        accuracy = results_of(BENCHMARKS[name], items).columns[f"prompt_{reading}"]
        assert accuracy is not None
        assert abs(accuracy.value - got.prompt_accuracy[1]) <= 2 / responses
