"""Whatever happens to a valid row, a reader gives a typed row or a DataError."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.advancedif import parse_advancedif
from lmcommon.data.followbench import join_ladders, parse_followbench
from lmcommon.data.healthbench import parse_healthbench
from lmcommon.data.hir import parse_hir
from lmcommon.data.ifeval import parse_ifeval
from lmcommon.data.infobench import parse_infobench
from lmcommon.data.locomo import parse_locomo
from lmcommon.data.longmemeval import parse_longmemeval
from lmcommon.data.muldimif import parse_muldimif
from lmcommon.data.qa_feedback import MarkedAnswer, parse_marked
from lmcommon.data.realmem import parse_realmem
from lmcommon.data.rows import Row
from lmcommon.data.types import Conversation, RubricPrompt
from lmcommon.data.writingbench import parse_writingbench
from lmcommon.errors import DataError


def parse_ladder(row: Row) -> RubricPrompt:
    """Two levels of an example in one row: their join, and the reader of the second."""
    levels = [Row(one.value, row.path, row.index) for one in row.rows("levels")]
    joined = list(join_ladders(levels))
    if not joined:
        raise row.error("no level above 0")
    return parse_followbench(joined[-1])


def level(number: int, **more: Any) -> dict[str, Any]:
    return {"example_id": 3, "category": "style", "source": "s", "level": number,
            "instruction": f"Do {number}.", "target": "", **more}  # fmt: skip


VALID: list[tuple[Callable[[Row], Any], dict[str, Any]]] = [
    (parse_locomo, {
        "sample_id": "c",
        "conversation": {
            "speaker_a": "A", "speaker_b": "B", "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "A", "dia_id": "D1:1", "text": "t", "blip_caption": "c"}],
        },
        "qa": [{"question": "?", "answer": "a", "evidence": ["D1:1"], "category": 1}],
    }),
    (parse_longmemeval, {
        "question_id": "q", "question_type": "t", "question": "?", "answer": "a",
        "question_date": "2023/06/01 (Thu) 00:58", "haystack_session_ids": ["s"],
        "haystack_dates": ["2023/05/27 (Sat) 10:20"],
        "haystack_sessions": [[{"role": "user", "content": "c", "has_answer": True}]],
        "answer_session_ids": ["s"],
    }),
    (parse_longmemeval, {
        "id": "q", "question_type": "t",
        "conversation": [{"role": "user", "content": "c", "date": "2023/05/27 (Sat) 10:20"}],
        "questions": [{"id": "q1", "question": "?", "answer": "a", "is_abstention": False}],
    }),
    (parse_realmem, {
        "_metadata": {"person_name": "A"},
        "dialogues": [{
            "session_uuid": "s", "current_time": "2025-12-15 (Monday)",
            "dialogue_turns": [
                {"speaker": "User", "content": "?", "is_query": True, "query_id": "Q"},
                {"speaker": "Assistant", "content": "a", "memory_session_uuids": ["s"],
                 "memory_used": [{"session_uuid": "s", "content": "m"}]},
            ],
            "extracted_memory": [{"type": "Static", "content": "m"}],
        }],
    }),
    (parse_ifeval, {
        "key": 1, "prompt": "p", "instruction_id_list": ["keywords:existence"],
        "kwargs": [{"keywords": ["a"]}],
    }),
    (parse_muldimif, {
        "id": "1", "conversations": [{"role": "user", "content": "c"}],
        "constraints": [["Length", "Words", "few"]], "constraint_pattern": "Listing",
    }),
    (parse_hir, {
        "id": 1, "source": "type1", "messages": [{"role": "user", "content": "c"}],
        "rubrics": [{"id": 1, "description": "d", "weight": 1}], "ground_truth": {
            "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    }),
    (parse_hir, {
        "id": 1, "source": "type3", "prompt": "p", "criteria": ["d"],
        "ground_truth": {"constraints": [["Length", "Words", "at most 3 words"]]},
    }),
    (parse_hir, {
        "id": 1, "source": "type4", "prompt": "p", "criteria": ["d"],
        "ground_truth": {"checker": ["[rule] x"], "functions": ["def f(): pass"]},
    }),
    (parse_infobench, {
        "id": "1", "instruction": "i", "input": "", "decomposed_questions": ["q"],
        "question_label": [["Format"]], "eval": [True], "output": "o",
    }),
    (parse_advancedif, {
        "conversation_history": [{"role": "system", "content": "s"},
                                 {"role": "user", "content": "u"}],
        "response": [{"role": "assistant", "content": "a"}], "benchmark_name": "b",
        "prompt_metadata": {"rubrics": ["q", "r"]},
    }),
    (parse_healthbench, {
        "prompt_id": "p", "prompt": [{"role": "user", "content": "u"}], "canary": "c",
        "rubrics": [{"criterion": "k", "points": -3, "tags": ["t"]}], "example_tags": ["e"],
        "ideal_completions_data": {"ideal_completion": "i"},
    }),
    (parse_writingbench, {
        "index": 1, "domain1": "d", "domain2": "e", "lang": "en", "query": "q", "checklist": [
            {"name": "n", "criteria_description": "c", "1-2": "a", "3-4": "b", "5-6": "c",
             "7-8": "d", "9-10": "e"}],
    }),
    (parse_ladder, {"levels": [level(0), level(1), level(2)]}),
    (parse_ladder, {"levels": [level(1, category="example", target="A: {answer}", answer="A: b")]}),
    (parse_marked, {
        "question": "q", "passages": [["t", "s"]], "gold": "g", "prediction 1": "abc",
        "prediction 2": "b", "prediction 3": "c", "prediction 4": "d",
        "feedback": {
            "errors": [{"error type": "Redundant", "start": 0, "end": 2, "explanation": ""}],
            "missing-info": [{"error type": "m", "passage_id": 1, "sentence_id": [1]}],
            "corrected-prediction": "c"},
        "preference": [0, 1, 2, 0, 1, 2],
    }),
]  # fmt: skip

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=2),
    max_leaves=4,
)  # fmt: skip


def mutated(data: st.DataObject, value: Any) -> Any:
    """Walk down to a random place and drop, replace or double what is there."""
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return value
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and data.draw(st.booleans()):
            place = inner
            continue
        action = data.draw(st.sampled_from(["drop", "replace", "double"]))
        if action == "drop":
            del place[key]
        elif action == "double" and isinstance(place, list):
            place.append(copy.deepcopy(inner))
        else:
            place[key] = data.draw(junk)
        return value


@settings(deadline=None, max_examples=600)
@given(st.data())
def test_a_mutated_row_is_typed_or_a_data_error(data: st.DataObject) -> None:
    parse, valid = data.draw(st.sampled_from(VALID))
    row = copy.deepcopy(valid)
    for _ in range(data.draw(st.integers(1, 3))):
        row = mutated(data, row)
    try:
        result = parse(Row(row, "f.json", 3))
    except DataError as error:
        assert (error.path, error.row) == ("f.json", 3)  # noqa: PT017
    else:
        assert isinstance(result, (Conversation, RubricPrompt, MarkedAnswer))


def test_the_valid_rows_are_valid() -> None:
    for parse, row in VALID:
        result = parse(Row(row, "f.json", 0))
        assert isinstance(result, (Conversation, RubricPrompt, MarkedAnswer)), row
