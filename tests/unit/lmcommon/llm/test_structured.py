"""JSON out of replies: strict, and repaired once."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lmcommon.errors import ParseError
from lmcommon.llm import ChatRequest, ChatResponse, ModelFailure, ScriptedModel, Usage, chat
from lmcommon.llm.structured import (
    acomplete,
    extract_json,
    parse_reply,
    repair_request,
    with_schema_instruction,
)

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON_VALUES)
def test_a_bare_value_is_found(value: Any) -> None:
    assert extract_json(f"\n {json.dumps(value)} ") == value


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=3))
@example({"```": None})
def test_an_object_in_a_fence_or_in_prose_is_found(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert extract_json(f"Sure, here it is:\n```json\n{text}\n```\nAnything else?") == value
    assert extract_json(f"Sure: {text} is my answer.") == value


@settings(deadline=None)
@given(st.text())
def test_any_text_parses_or_raises_parse_error(text: str) -> None:
    with suppress(ParseError):
        parse_reply(text, POINT)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "no value",
        '{"x": 1} or {"x": 2}',
        '```\n{"x": 1}\n```\n```\n{"x": 2}\n```',
        '{"x": 1, "x": 2}',
        '{"x": NaN}',
        '{"x": 1',
        "[" * 100_000,
        '{"x": "1"}',
        '[{"x": 1}]',
    ],
)
def test_what_is_not_one_valid_value_is_refused(reply: str) -> None:
    with pytest.raises(ParseError):
        parse_reply(reply, POINT)


def test_a_value_too_deep_to_be_checked_is_refused() -> None:
    nested = {"$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}},
              "$ref": "#/$defs/a"}  # fmt: skip
    with pytest.raises(ParseError, match="too deep"):
        parse_reply("[" * 700 + "]" * 700, nested)


def test_the_error_says_where() -> None:
    with pytest.raises(ParseError, match=r"\$\.x.*integer"):
        parse_reply('{"x": "one"}', POINT)


@pytest.mark.parametrize("schema", [{"type": "colour"}, {"$ref": "https://example.org/s.json"}])
def test_a_schema_that_cannot_be_used_is_a_value_error(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON schema"):
        parse_reply("{}", schema)


def test_any_mapping_serves_as_schema() -> None:
    assert parse_reply('{"x": 1}', MappingProxyType(POINT)) == {"x": 1}


def test_the_repair_shows_reply_and_problem() -> None:
    repair = repair_request(chat("Where?", schema=POINT), '{"x": "one"}', "x is no integer")
    assert repair.messages[-2].content == '{"x": "one"}'
    assert "x is no integer" in repair.messages[-1].content
    assert repair.schema == POINT


def test_a_wrong_reply_is_repaired_once() -> None:
    model = ScriptedModel(["nothing", '{"x": 4}'])
    response = model.generate([chat("Where?", schema=POINT)])[0]
    assert response.parsed == {"x": 4}
    assert response.usage.calls == 2


def test_a_second_wrong_reply_is_invalid_output_with_its_text() -> None:
    model = ScriptedModel(["nothing", "still nothing", '{"x": 4}'])
    response = model.generate([chat("Where?", schema=POINT)])[0]
    assert response.failure is not None
    assert response.failure.kind == "invalid_output"
    assert response.failure.attempts == 2
    assert response.text == "still nothing"
    assert len(model.requests) == 2


def test_a_failed_repair_keeps_its_kind_and_the_first_text() -> None:
    model = ScriptedModel(["nothing", ModelFailure(kind="timeout", message="slow")])
    response = model.generate([chat("Where?", schema=POINT)])[0]
    assert response.failure is not None
    assert response.failure.kind == "timeout"
    assert response.text == "nothing"


def test_a_failed_call_is_not_repaired() -> None:
    model = ScriptedModel([ModelFailure(kind="timeout", message="slow"), '{"x": 4}'])
    assert not model.generate([chat("Where?", schema=POINT)])[0].ok
    assert len(model.requests) == 1


def test_only_what_failed_is_asked_again() -> None:
    model = ScriptedModel(['{"x": 1}', "nothing", "plain", '{"x": 2}'])
    requests = [chat("a", schema=POINT), chat("b", schema=POINT), chat("c")]
    responses = model.generate(requests)
    assert [response.parsed for response in responses] == [{"x": 1}, {"x": 2}, None]
    assert responses[2].text == "plain"


def test_the_async_form_repairs_as_well() -> None:
    async def again(requests: Any) -> list[ChatResponse]:
        return [ChatResponse(text='{"x": 7}', usage=Usage(calls=1)) for _ in requests]

    first = ChatResponse(text="nothing", usage=Usage(calls=1))
    response = asyncio.run(acomplete([chat("a", schema=POINT)], [first], again))[0]
    assert response.parsed == {"x": 7}
    assert response.usage.calls == 2


def test_the_instruction_joins_the_last_user_message() -> None:
    asked = with_schema_instruction(chat("Where?", system="Be brief.", schema=POINT))
    assert len(asked.messages) == 2
    assert asked.messages[-1].content.startswith("Where?")
    assert json.dumps(POINT) in asked.messages[-1].content


def test_without_schema_nothing_is_added() -> None:
    request: ChatRequest = chat("Where?")
    assert with_schema_instruction(request) is request
