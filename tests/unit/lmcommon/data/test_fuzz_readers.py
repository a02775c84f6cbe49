"""Whatever happens to a valid row, a reader gives a typed row or a DataError."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.hir import parse_hir
from lmcommon.data.ifeval import parse_ifeval
from lmcommon.data.infobench import parse_infobench
from lmcommon.data.locomo import parse_locomo
from lmcommon.data.longmemeval import parse_longmemeval
from lmcommon.data.muldimif import parse_muldimif
from lmcommon.data.realmem import parse_realmem
from lmcommon.data.rows import Row
from lmcommon.data.types import Conversation, RubricPrompt
from lmcommon.errors import DataError

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
        assert isinstance(result, (Conversation, RubricPrompt))


def test_the_valid_rows_are_valid() -> None:
    for parse, row in VALID:
        assert isinstance(parse(Row(row, "f.json", 0)), (Conversation, RubricPrompt))
