"""What goes into the store comes out of it, in any mixture of sizes, encodings and batches."""

from __future__ import annotations

import random
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import memtrace
from memtrace.graph.storage.chunks import CHUNK_FROM_BYTES
from memtrace.graph.storage.packs import PACK_BYTES

SIZES = st.sampled_from([0, 1, 300, CHUNK_FROM_BYTES - 1, CHUNK_FROM_BYTES, PACK_BYTES + 1, 90_000])
ANY_TEXT = st.text(st.characters(codec=None), max_size=30)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT
    | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(ANY_TEXT | st.integers(), inner, max_size=4)
    | st.frozensets(st.integers() | ANY_TEXT, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def big(draw: st.DrawFn) -> Any:
    """A unit repeated to a size at one of the borders, as text, bytes or within a list."""
    size, unit = draw(SIZES), draw(st.text(st.characters(codec=None), min_size=1, max_size=9))
    text = (unit * size)[:size]
    kind = draw(st.sampled_from(["text", "bytes", "list", "tuple"]))
    if kind == "text":
        return text
    data = text.encode("utf-8", "surrogatepass")[:size]
    return {"bytes": data, "list": [text, unit], "tuple": (data, unit)}[kind]


@given(
    st.lists(st.tuples(PLAIN | big(), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(0, 11), max_size=6),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_values_come_back_whatever_shares_their_batch(
    given_values: list[tuple[Any, bool]], again: list[int]
) -> None:
    values = [*given_values, *(given_values[n % len(given_values)] for n in again)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.db"
        ids = []
        for resumed in range(2):
            with memtrace.record(path, resume=True) as run:
                for value, ends_batch in values[resumed::2]:
                    ids.append((memtrace.variable(value).id or "", value))
                    if ends_batch:
                        run.flush()
        with memtrace.open(path) as trace:
            for identifier, value in ids:
                found = trace.value(identifier)
                assert found == value
                assert type(found) is type(value)


ALPHABETS = {
    "english": string.ascii_lowercase + " " * 5,
    "german": string.ascii_letters + "\u00e4\u00f6\u00fc\u00df" + " " * 9,
    "russian": "".join(map(chr, range(0x430, 0x450))) + " " * 6,
    "chinese": "".join(map(chr, range(0x4E00, 0x5200))),
    "hex": "0123456789abcdef",
    "json": '{"": [0123456789], "ab": "cd"}\n',
}


@given(
    st.sampled_from(sorted(ALPHABETS)), st.sampled_from(["text", "messages", "prompt"]),
    st.integers(0, 2**32), st.booleans(),
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_a_growing_context_costs_at_most_three_times_its_text(
    alphabet: str, shape: str, seed: int, each_step_alone: bool
) -> None:
    draw = random.Random(seed)
    letters = ALPHABETS[alphabet]
    parts: list[str] = []
    template = "".join(draw.choices(letters, k=3_000))
    source = len(template.encode())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.db"
        with memtrace.record(path) as run:
            for _ in range(200):
                parts.append("".join(draw.choices(letters, k=1_000)))
                source += len(parts[-1].encode())
                handle = memtrace.variable(shaped(shape, template, parts))
                if each_step_alone:
                    run.flush()
        assert path.stat().st_size <= 3 * source
        with memtrace.open(path) as trace:
            assert trace.value(handle.id or "") == shaped(shape, template, parts)


def shaped(shape: str, template: str, parts: list[str]) -> Any:
    """The whole context of a step."""
    if shape == "messages":
        return [{"role": "user", "content": part} for part in parts]
    return "\n".join([template, *parts] if shape == "prompt" else parts)
