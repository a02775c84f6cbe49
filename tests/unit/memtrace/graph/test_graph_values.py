"""Values survive the trip to bytes and back exactly; what could not is refused by name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memtrace.graph.storage.values import decode, encode, to_bytes

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=20)
    | st.binary(max_size=20)
)
hashables = st.recursive(scalars, lambda part: st.tuples(part, part), max_leaves=4)
values = st.recursive(
    scalars,
    lambda part: (
        st.lists(part, max_size=4)
        | st.tuples(part, part)
        | st.dictionaries(hashables, part, max_size=4)
        | st.sets(hashables, max_size=3)
        | st.frozensets(hashables, max_size=3)
    ),
    max_leaves=12,
)


def round_trip(value: object) -> object:
    encoding, payload = encode(value, "value")
    return decode(encoding, to_bytes(payload))


def same(left: object, right: object) -> bool:
    """Equal in value and in type all the way down (`1 == True` and `[] == ()` are not the same)."""
    return repr(left) == repr(right) if not _has_set(left) else left == right


def _has_set(value: object) -> bool:
    return "{" in repr(value)


@settings(deadline=None, max_examples=300)
@given(values)
def test_a_value_reads_back_as_it_was(value: object) -> None:
    assert same(round_trip(value), value)
    assert type(round_trip(value)) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a\x00b",
        "\ud800",
        ("a", ["b", ("c",)]),
        {1: "one", (2, 3): "pair"},
        {"~": "a key that looks like a tag", "v": []},
        {"b": 1, "a": 2},
        float("inf"),
        [],
        {},
        10**400,
    ],
    ids=repr,
)
def test_awkward_values_read_back_as_they_were(value: object) -> None:
    assert repr(round_trip(value)) == repr(value)


def test_order_of_a_dictionary_is_kept() -> None:
    assert list(round_trip({"b": 1, "a": 2})) == ["b", "a"]  # type: ignore[call-overload]


@dataclass
class Turn:
    text: str


@pytest.mark.parametrize("value", [Turn("hi"), object(), [Turn("hi")], {"turn": Turn("hi")}, 1j])
def test_an_unsupported_value_is_refused_with_the_name_of_its_role(value: object) -> None:
    with pytest.raises(TypeError, match="'facts': expected text, bytes"):
        encode(value, "facts")


def test_a_circular_value_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(TypeError, match="circular"):
        encode(value, "facts")


def test_text_and_json_of_the_same_characters_differ() -> None:
    assert encode("[1]", "x") != encode([1], "x")
