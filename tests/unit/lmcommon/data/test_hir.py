"""HIR-16K rows: both layouts, four origins, nothing dropped in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmcommon.data import RubricPrompt, load_prompts
from lmcommon.data.files import write_jsonl
from lmcommon.data.hir import parse_hir
from lmcommon.data.hir_checks import find_check
from lmcommon.data.rows import Row
from lmcommon.errors import DataError
from lmcommon.judge.types import Criterion
from lmcommon.verify import check

RULE = "def check_following(instruction, response):\n    return response.isupper()"
TRUTHS: dict[str, Any] = {
    "type1": {
        "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
        "kwargs": [None, {"num_words": 50, "relation": "at most", "letter": None}],
    },
    "type2": {
        "instruction_id_list": ["no:such_check", "punctuation:no_comma"], "kwargs": [{}, {}],
    },
    "type3": {"constraints": [
        ["Length", "Words", "At most 50 words"], ["Language", "English: Capitalized", "be grand"],
    ]},
    "type4": {"checker": ["[rule] upper case", "[llm] tone"], "functions": [RULE, ""]},
}  # fmt: skip


def processed(origin: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": 7, "prompt": "Write. First. Second.", "question": "Write.",
        "messages": [{"role": "user", "content": "Write. First. Second."}],
        "rubrics": [
            {"id": 1, "category": "", "description": "First.", "weight": 1},
            {"id": 2, "category": "", "description": "Second.", "weight": 1},
        ],
        "source": origin, "ground_truth": TRUTHS.get(origin), "tag": "llm_judge", "difficulty": 0,
    }  # fmt: skip
    return row | changes


def raw(origin: str, **changes: Any) -> dict[str, Any]:
    row = {"id": "r7", "source": origin, "prompt": "Write. First. Second.",
           "criteria": ["First.", "Second."], "ground_truth": TRUTHS.get(origin)}  # fmt: skip
    return row | changes


def parse(row: dict[str, Any]) -> RubricPrompt:
    return parse_hir(Row(row, "hir.jsonl", 0))


def checks(prompt: RubricPrompt) -> list[tuple[str | None, dict[str, Any]]]:
    return [(one.constraint_id, dict(one.kwargs)) for one in prompt.rubric.criteria]


EXPECTED: dict[str, Any] = {
    "type1": [("punctuation:no_comma", {}),
              ("length_constraints:number_words", {"num_words": 51, "relation": "less than"})],
    "type2": [(None, {}), ("punctuation:no_comma", {})],
    "type3": [("muldimif:words", {"bounds": [None, 50], "part": "response", "target": ""}),
              (None, {})],
    "type4": [("code:python", {"source": RULE}), (None, {})],
}  # fmt: skip


@pytest.mark.parametrize("origin", EXPECTED)
@pytest.mark.parametrize("layout", [processed, raw])
def test_both_layouts_give_the_same_checks(layout: Any, origin: str) -> None:
    prompt = parse(layout(origin))
    assert checks(prompt) == EXPECTED[origin]
    assert [one.text for one in prompt.rubric.criteria] == ["First.", "Second."]
    assert [one.tags[0] for one in prompt.rubric.criteria] == [origin, origin]


@pytest.mark.parametrize(
    ("origin", "warnings"),
    [
        ("type1", []),
        ("type2", ["rubrics[0]: no program check for 'no:such_check': the id is not known"]),
        ("type3", ["ground_truth.constraints[1]: no program check for English 'be grand': "
                   "for a judge"]),
        ("type4", []),
    ],
)  # fmt: skip
def test_what_has_no_check_against_the_data_says_so(origin: str, warnings: list[str]) -> None:
    assert parse(processed(origin)).metadata["warnings"] == warnings


def test_ground_truth_as_json_text_reads_the_same() -> None:
    row = processed("type1", ground_truth=json.dumps(TRUTHS["type1"]))
    assert checks(parse(row)) == EXPECTED["type1"]
    assert json.loads(parse(row).metadata["ground_truth"]) == TRUTHS["type1"]


def test_messages_as_json_text_and_without_a_prompt() -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}]
    row = processed("type4", messages=json.dumps(messages), prompt=None)
    prompt = parse(row)
    assert prompt.prompt == "[system]\nBe kind.\n\n[user]\nHello?"
    assert prompt.messages == messages


def test_weights_and_texts_as_rubrics() -> None:
    row = processed("", ground_truth=None,
                    rubrics=["Kind.", {"description": "Short.", "weight": 2}])  # fmt: skip
    prompt = parse(row)
    assert prompt.rubric.criteria == (
        Criterion(id="c0", text="Kind.", tags=("untyped",)),
        Criterion(id="c1", text="Short.", weight=2.0, tags=("untyped",)),
    )
    assert prompt.metadata["warnings"] == []


def test_too_few_entries_leave_the_rest_to_a_judge_and_say_so() -> None:
    truth = {"checker": ["[rule] x"], "functions": [RULE]}
    prompt = parse(processed("type4", ground_truth=truth))
    assert [one.constraint_id for one in prompt.rubric.criteria] == ["code:python", None]
    assert prompt.metadata["warnings"] == [
        "ground_truth.checker: expected one entry a rubric (2), got 1",
        "ground_truth.functions: expected one entry a rubric (2), got 1",
    ]


@pytest.mark.parametrize(
    ("truth", "warning"),
    [
        ({"checker": ["rule", "[llm]"], "functions": [RULE, ""]}, "expected [rule] or [llm]"),
        ({"checker": ["[rule]", "[llm]"], "functions": ["", ""]}, "a rule without source code"),
    ],
)
def test_odd_rules_are_for_a_judge(truth: Any, warning: str) -> None:
    prompt = parse(processed("type4", ground_truth=truth))
    assert prompt.rubric.criteria[0].constraint_id is None
    assert warning in prompt.metadata["warnings"][0]


def test_an_unknown_origin_is_for_a_judge_and_says_so() -> None:
    prompt = parse(processed("type9", ground_truth={"x": 1}))
    assert [one.constraint_id for one in prompt.rubric.criteria] == [None, None]
    assert prompt.metadata["warnings"] == ["source 'type9' is not known: all for a judge"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": None, "messages": None}, "prompt"),
        ({"messages": "[{"}, "messages"),
        ({"prompt": None, "messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"rubrics": "x"}, "rubrics"),
        ({"rubrics": [3]}, "rubrics[0]"),
        ({"rubrics": [{"text": "x"}]}, "rubrics[0].description"),
        ({"rubrics": [{"description": "x", "weight": "1"}]}, "rubrics[0].weight"),
        ({"ground_truth": "{"}, "ground_truth"),
        ({"ground_truth": 3}, "ground_truth"),
        ({"ground_truth": {"kwargs": []}}, "ground_truth.instruction_id_list"),
        ({"ground_truth": {"instruction_id_list": [1, 2], "kwargs": [{}, {}]}},
         "ground_truth.instruction_id_list[0]"),
        ({"ground_truth": {"instruction_id_list": ["a", "b"], "kwargs": ["x", {}]}},
         "ground_truth.kwargs[0]"),
        ({"id": None}, "id"),
    ],
)  # fmt: skip
def test_a_malformed_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(processed("type1", **changes))
    assert (caught.value.row, caught.value.path) == (0, "hir.jsonl")
    assert caught.value.field == field, caught.value


RELATIONS = [
    ({"relation": "at least", "num_words": 9}, {"relation": "at least", "num_words": 9}),
    ({"relation": "less than", "num_words": 9}, {"relation": "less than", "num_words": 9}),
    ({"relation": "at most", "num_words": 9}, {"relation": "less than", "num_words": 10}),
    ({"relation": "no more than", "num_words": 9}, {"relation": "less than", "num_words": 10}),
    ({"relation": "More than", "num_words": 9}, {"relation": "at least", "num_words": 10}),
    ({"quantifier": "at least", "N": 9}, {"relation": "at least", "num_words": 9}),
]


@pytest.mark.parametrize(("given", "expected"), RELATIONS)
def test_relations_are_brought_to_ours(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert find_check("length_constraints:number_words", given) == expected


@pytest.mark.parametrize("words", [49, 50, 51])
def test_at_most_means_the_same_after_it(words: int) -> None:
    found = find_check("length_constraints:number_words", {"relation": "at most", "num_words": 50})
    assert isinstance(found, dict)
    verdict = check("length_constraints:number_words", found, prompt="", response="word " * words)
    assert verdict.satisfied is (words <= 50)


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("keywords:existence", {"keyword_list": ["a"]}, {"keywords": ["a"]}),
        ("keywords:letter_frequency", {"letter": "a", "let_frequency": 2, "relation": "at least"},
         {"letter": "a", "let_frequency": 2, "let_relation": "at least"}),
        ("keywords:frequency", {"word": "a", "N": 2, "quantifier": "at least"},
         {"keyword": "a", "frequency": 2, "relation": "at least"}),
        ("length_constraints:nth_paragraph_first_word", {"N": 2, "i": 1, "first_word": "so"},
         {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "so"}),
        ("detectable_format:multiple_sections", {"N": 2, "section_splitter": "Part"},
         {"num_sections": 2, "section_spliter": "Part"}),
    ],
)  # fmt: skip
def test_other_names_of_arguments(name: str, kwargs: Any, expected: Any) -> None:
    assert find_check(name, kwargs) == expected


@pytest.mark.parametrize(
    ("name", "kwargs", "reason"),
    [
        ("no:such", {}, "not known"),
        ("keywords:frequency", {"keyword": "a", "frequency": 2}, "'exactly' has no check"),
        ("length_constraints:number_words", {"relation": "around", "num_words": 9}, "'around'"),
        ("length_constraints:number_words", {"relation": "at most", "num_words": "9"}, "num_words"),
        ("keywords:existence", {}, "'keywords' is missing"),
        ("punctuation:no_comma", {"N": 2}, "unknown ['N']"),
    ],
)
def test_what_no_check_of_ours_says_is_told(name: str, kwargs: Any, reason: str) -> None:
    found = find_check(name, kwargs)
    assert isinstance(found, str)
    assert reason in found


def test_a_file_of_rows_is_the_set_hir(tmp_path: Any) -> None:
    path = tmp_path / "hir.jsonl"
    write_jsonl(path, [processed("type1"), raw("type4")])
    prompts = load_prompts("hir", path)
    assert [(one.id, one.source, one.metadata["origin"]) for one in prompts] == [
        ("7", "hir", "type1"), ("r7", "hir", "type4"),
    ]  # fmt: skip
