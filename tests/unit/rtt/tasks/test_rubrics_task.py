"""Prompts of a file as a task: filters, splits, streams."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from rtt.tasks import RubricsTask, Task


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "key": 2000 + number, "prompt": f"Question {number}" + " at length" * (number % 4),
            "instruction_id_list": ids, "kwargs": [{} for _ in ids],
        }
        for number in range(60)
        for ids in [[["punctuation:no_comma"], ["change_case:english_lowercase"],
                     ["punctuation:no_comma", "startend:quotation"]][number % 3]]
    ]  # fmt: skip
    path = tmp_path_factory.mktemp("rubrics") / "input.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_splits_are_disjoint_and_whole(file: Path) -> None:
    task = RubricsTask(path=str(file))
    train = {row.id for row in task.rows("train")}
    held = {row.id for row in task.rows("heldout")}
    assert not train & held
    assert len(train | held) == 60
    assert 1 <= len(held) <= 20


def test_a_filter_moves_no_prompt_across(file: Path) -> None:
    held = {row.id for row in RubricsTask(path=str(file)).rows("heldout")}
    some = RubricsTask(path=str(file), kinds=["punctuation:no_comma"], max_chars=25)
    assert {row.id for row in some.rows("heldout")} <= held
    assert not {row.id for row in some.rows("train")} & held


@pytest.mark.parametrize(("kinds", "expected"), [
    (["punctuation"], 20), (["punctuation:no_comma", "startend"], 40), ([], 60),
])  # fmt: skip
def test_a_prompt_is_kept_if_all_its_criteria_are(
    file: Path, kinds: list[str], expected: int
) -> None:
    task = RubricsTask(path=str(file), kinds=kinds)
    assert len(task.rows("train")) + len(task.rows("heldout")) == expected


def test_training_prompts_come_again_in_another_order(file: Path) -> None:
    task = RubricsTask(path=str(file))
    count = len(task.rows("train"))
    ids = [row.id for row in islice(task.prompts("train", seed=3), 2 * count)]
    assert sorted(ids[:count]) == sorted(ids[count:])
    assert ids[:count] != ids[count:]
    assert ids == [row.id for row in islice(task.prompts("train", seed=3), 2 * count)]


def test_held_out_prompts_end(file: Path) -> None:
    task = RubricsTask(path=str(file), max_prompts=3)
    assert isinstance(task, Task)
    assert [row.id for row in task.prompts("heldout", 1)] == [
        row.id for row in task.prompts("heldout", 2)
    ]
    assert len(list(task.prompts("heldout", 1))) <= 3


def test_the_levels_of_a_ladder_are_on_one_side(tmp_path: Path) -> None:
    rows = [
        {"example_id": example, "category": "style", "source": "s", "level": level,
         "instruction": f"Do {example} in {level} ways.", "target": ""}
        for example in range(24) for level in range(6)
    ]  # fmt: skip
    path = tmp_path / "style_constraints.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    task = RubricsTask(data="followbench", path=str(path), heldout_every=3)
    sides = [{row.metadata["ladder"] for row in task.rows(split)} for split in ("train", "heldout")]
    assert not sides[0] & sides[1]
    assert min(map(len, sides)) > 0


def test_nothing_is_held_out_on_request(file: Path) -> None:
    assert RubricsTask(path=str(file), heldout_every=0).rows("heldout") == []


def test_settings_without_meaning_are_refused(file: Path) -> None:
    with pytest.raises(UserError, match=r"task\.data: expected one of .*ifeval.*got 'nothing'"):
        RubricsTask(data="nothing")
    with pytest.raises(UserError, match=r"task\.heldout_every: expected 0"):
        RubricsTask(heldout_every=1)
    with pytest.raises(UserError, match=r"task\.kinds: expected some of .*\['detectable'\]"):
        RubricsTask(path=str(file), kinds=["detectable"]).rows("train")
    with pytest.raises(UserError, match="none passes the filters"):
        next(RubricsTask(path=str(file), max_chars=3).prompts("train", 0))


def test_doubtful_rows_of_the_real_set_are_left_out(shared_data: Path) -> None:
    path = str(shared_data / "ifeval" / "input_data.dev.jsonl")
    all_rows = RubricsTask(path=path, keep_doubtful=True, heldout_every=0).rows("train")
    sound = RubricsTask(path=path, heldout_every=0).rows("train")
    doubted = {row.id for row in all_rows} - {row.id for row in sound}
    assert doubted
    assert all("label_doubt" in row.metadata for row in all_rows if row.id in doubted)
