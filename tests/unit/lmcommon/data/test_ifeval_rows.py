"""IFEval and IFBench rows, their wording, and reference verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import RubricPrompt
from lmcommon.data.ifeval import parse_ifbench, parse_ifeval, read_verdicts
from lmcommon.data.rows import Row
from lmcommon.data.wording import constraint_text, has_wording
from lmcommon.errors import DataError
from lmcommon.verify import known_ids


def parsed(ids: list[str], kwargs: Any, key: Any = 7) -> RubricPrompt:
    row = {"key": key, "prompt": "p", "instruction_id_list": ids, "kwargs": kwargs}
    return parse_ifeval(Row(row, "f.jsonl", 2))


def test_null_arguments_are_dropped() -> None:
    prompt = parsed(
        ["length_constraints:number_words"],
        [{"relation": "at least", "num_words": 300, "keywords": None, "language": None}],
    )
    assert prompt.rubric.criteria[0].kwargs == {"relation": "at least", "num_words": 300}


def test_an_id_that_occurs_twice_gives_two_criteria_by_position() -> None:
    prompt = parsed(
        ["keywords:existence", "keywords:existence"], [{"keywords": ["a"]}, {"keywords": ["b"]}]
    )
    assert [(c.id, c.kwargs["keywords"]) for c in prompt.rubric.criteria] == [
        ("c0", ["a"]), ("c1", ["b"]),
    ]  # fmt: skip


def test_a_null_in_place_of_arguments_is_no_arguments() -> None:
    assert parsed(["punctuation:no_comma"], [None]).rubric.criteria[0].kwargs == {}


def test_keys_are_text_in_both_sets() -> None:
    row = {"key": "12", "prompt": "p", "instruction_id_list": [], "kwargs": []}
    assert parse_ifbench(Row(row, "f", 0)).id == "12"
    assert parsed([], []).id == "7"


def test_a_known_label_fault_is_said() -> None:
    assert "400" in parsed([], [], key=337).metadata["label_doubt"]
    assert "label_doubt" not in parsed([], []).metadata


def test_fewer_arguments_than_instructions_is_an_error() -> None:
    with pytest.raises(DataError, match=r"f.jsonl, row 2, field 'kwargs': expected one object"):
        parsed(["punctuation:no_comma"], [])


def test_the_text_is_written_from_id_and_arguments() -> None:
    text = constraint_text(
        "length_constraints:number_words", {"relation": "less than", "num_words": 50}
    )
    assert text == "The response has less than 50 words."
    assert constraint_text("count:numbers", {"N": 5.0}).endswith("exactly 5 numbers.")
    assert constraint_text("language:response_language", {"language": "de"}).endswith("German.")


def test_an_id_without_wording_is_named_and_noted() -> None:
    prompt = parsed(["new:thing"], [{"n": 3}])
    assert prompt.rubric.criteria[0].text == "The response satisfies new:thing(n=3)."
    assert prompt.metadata["warnings"] == ["constraint 'new:thing' has no wording"]


def test_missing_arguments_fall_back_to_the_id() -> None:
    assert "count:numbers()" in constraint_text("count:numbers", {})


def test_every_program_check_of_the_ifeval_kind_has_a_wording() -> None:
    groups = ("change_case", "combination", "detectable_content", "detectable_format", "keywords",
              "language", "length_constraints", "punctuation", "startend")  # fmt: skip
    ifeval = [one for one in known_ids() if one.partition(":")[0] in groups]
    assert [one for one in ifeval if not has_wording(one)] == []


VERDICT = {"prompt": "p", "response": "r", "instruction_id_list": ["a:b", "c:d"],
           "follow_instruction_list": [True, False], "follow_all_instructions": False}  # fmt: skip


def test_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps(VERDICT), encoding="utf-8")
    (verdict,) = read_verdicts(path)
    assert verdict.constraint_ids == ("a:b", "c:d")
    assert verdict.satisfied == (True, False)
    assert not verdict.is_all_satisfied


@pytest.mark.parametrize(
    "change", [{"follow_instruction_list": [True]}, {"follow_all_instructions": True},
               {"follow_instruction_list": [1, 0]}],
)  # fmt: skip
def test_contradictory_verdicts_are_an_error(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "v.jsonl"
    path.write_text(json.dumps({**VERDICT, **change}), encoding="utf-8")
    with pytest.raises(DataError, match="row 0, field 'follow_"):
        list(read_verdicts(path))
