"""JSON text that is made quickly is the text that `json.dumps` makes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memtrace.graph.compact import LONG_FROM, ascii_json, unicode_json
from memtrace.graph.storage.values import Chat, decode, queued, to_bytes

Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LONG = 'Say "yes"\n\u00e9 ' * LONG_FROM


@given(Json)
def test_ascii_is_that_of_dumps(value: Any) -> None:
    assert ascii_json(value) == json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("has_long", [False, True])
@given(value=Json)
def test_unicode_is_that_of_dumps(has_long: bool, value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert unicode_json(value, has_long=has_long) == expected


def test_a_long_string_is_escaped_as_ever() -> None:
    value = [{"content": LONG}, {"content": LONG}]
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert unicode_json(value, has_long=True) == expected


def test_a_circle_is_refused() -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(ValueError, match="Circular"):
        ascii_json(circle)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        ascii_json({"x": object()})


def test_a_long_chat_waits_unwritten() -> None:
    assert isinstance(queued([{"role": "user", "content": LONG}], "request")[1], Chat)


def test_a_chat_is_read_back() -> None:
    value = [{"role": "system", "content": LONG}, {"content": "\ud800", "role": "user"}]
    encoding, payload = queued(value, "request")
    assert decode(encoding, to_bytes(payload)) == value


def test_a_chat_that_changes_later_is_kept_as_it_was() -> None:
    value = [{"role": "user", "content": LONG}]
    encoding, payload = queued(value, "request")
    value[0]["content"] = "changed"
    value.append({"role": "user", "content": "new"})
    assert decode(encoding, to_bytes(payload)) == [{"role": "user", "content": LONG}]


def test_a_long_list_with_other_things_is_no_chat() -> None:
    value = [{"role": "user", "content": [LONG]}]
    encoding, payload = queued(value, "request")
    assert decode(encoding, to_bytes(payload)) == value
