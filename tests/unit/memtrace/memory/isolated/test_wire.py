"""What crosses between the processes arrives as it was: values, frames, errors."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.types import Session, Turn
from lmcommon.errors import BudgetError, DataError, ParseError, UserError
from lmcommon.llm.types import ChatRequest, ChatResponse, Message, Sampling, TokenLogprob, Usage
from lmcommon.prompt import Prompt
from memtrace.execution.execution import Completed
from memtrace.execution.places import Place
from memtrace.graph.recording.handle import Handle
from memtrace.memory.isolated.failures import from_wire_error, to_wire_error
from memtrace.memory.isolated.framing import Garbage, Pipes
from memtrace.memory.isolated.wire import from_wire, to_wire
from memtrace.memory.types import BrokenMemoryError, Hit, Query

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(st.characters()) | st.binary() | st.datetimes()
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.just("$") | st.integers(), inner)
    ),
    max_leaves=20,
)  # fmt: skip
REQUEST = ChatRequest(
    messages=(Message("system", "Be brief."), Message("user", "Where? \ud800 ☃")),
    sampling=Sampling(temperature=0.5, stop=("\n",)), schema={"type": "object"}, draw=3,
)  # fmt: skip
RECORDS = [
    Session(
        id="s", time=datetime(2024, 1, 2), time_text="then",
        turns=(Turn(id="t", speaker="Ana", text="Hi", caption="a cat", metadata={"x": [1, (2,)]}),),
    ),
    REQUEST,
    Completed(
        REQUEST,
        ChatResponse(text="Oslo", logprobs=(TokenLogprob("O", -0.1),), usage=Usage(calls=1)),
        "key", "recorded",
    ),
    ChatResponse.failed("timeout", "too late"),
    Prompt("qa", "Say {x}.", frozenset({"x"})),
    Query("Where?", id="q", time=datetime(2024, 1, 2, 3)),
    Hit(item="a", text="b", score=0.1 + 0.2, turns=("t",)),
    Place("scope", "add s/x#0"),
]  # fmt: skip


@pytest.fixture
def pipes() -> Iterator[tuple[Pipes, Pipes]]:
    (here, theirs), (there, ours) = os.pipe(), os.pipe()
    ends = Pipes(here, ours), Pipes(there, theirs)
    yield ends
    for end in ends:
        end.close()


@given(VALUES)
@settings(deadline=None, max_examples=80)
def test_any_value_comes_back_the_same(value: Any) -> None:
    back = from_wire(json.loads(json.dumps(to_wire(value))))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_comes_back_the_same(record: Any) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(record)))) == record


def test_a_handle_travels_by_its_number() -> None:
    handle = Handle("Oslo", kind="answer", name="q1", run="r/0", number=7)
    back = from_wire(json.loads(json.dumps(to_wire([handle]))))[0]
    assert (back.value, back.id, back.run, back.kind) == ("Oslo", "var-7", "r/0", "answer")


def test_numbers_of_numpy_become_plain_ones() -> None:
    assert from_wire(to_wire([np.float32(0.5), np.int64(3)])) == [0.5, 3]


def test_what_cannot_be_sent_is_refused_by_its_repr() -> None:
    with pytest.raises(TypeError, match="object object"):
        to_wire({"x": object()})


def test_a_message_larger_than_a_pipe_arrives(pipes: tuple[Pipes, Pipes]) -> None:
    here, there = pipes
    message = {"text": "ü\ud800" * 3_000_000}
    sender = threading.Thread(target=here.send, args=(message,))
    sender.start()
    assert there.receive(60) == message
    sender.join()


def test_a_closed_pipe_is_the_end(pipes: tuple[Pipes, Pipes]) -> None:
    here, there = pipes
    here.close()
    with pytest.raises(EOFError):
        there.receive(10)
    with pytest.raises(EOFError):
        there.send({}, 10)


def test_silence_is_noticed(pipes: tuple[Pipes, Pipes]) -> None:
    with pytest.raises(TimeoutError):
        pipes[0].receive(0.1)


def test_a_process_that_ended_is_noticed_though_its_pipe_is_open() -> None:
    reads, writes = os.pipe()
    other, unused = os.pipe()
    end = Pipes(reads, unused, is_alive=lambda: False)
    with pytest.raises(EOFError, match="ended"):
        end.receive(60)
    end.close()
    os.close(writes)
    os.close(other)


@pytest.mark.parametrize(
    "data", [b"hello, this is no message", b"MTW1" + (3).to_bytes(8, "big") + b"{,}"]
)
def test_a_stranger_in_the_pipe_is_told(data: bytes) -> None:
    reads, writes = os.pipe()
    other, unused = os.pipe()
    end = Pipes(reads, unused)
    os.write(writes, data)
    with pytest.raises(Garbage, match="expected"):
        end.receive(10)
    end.close()
    os.close(writes)
    os.close(other)


def caught(error: Exception) -> Exception:
    try:
        raise error
    except Exception as raised:
        return from_wire_error(json.loads(json.dumps(to_wire_error(raised))))


@pytest.mark.parametrize(
    "error",
    [
        UserError("expected this"), BudgetError("spent"), DataError("bad", path="x.json", row=3),
        ParseError("no JSON", reply="hm"), BrokenMemoryError("gone"), ValueError("no"),
        KeyError("k"), FileNotFoundError(2, "No such file"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_arrives_as_its_own_class(error: Exception) -> None:
    back = caught(error)
    assert type(back) is type(error)
    assert str(back).strip("'\"") == str(error).strip("'\"")


def test_the_facts_of_an_error_arrive() -> None:
    back = caught(DataError("bad", path="x.json", row=3, field="turn"))
    assert isinstance(back, DataError)
    assert (back.path, back.row, back.field) == ("x.json", 3, "turn")


def test_the_other_sides_traceback_is_attached() -> None:
    back = caught(UserError("no"))
    assert "in caught" in str(back.__cause__)
    assert any("in caught" in note for note in back.__notes__)


def test_an_error_of_a_library_breaks_the_memory() -> None:
    back = caught(json.JSONDecodeError("no value", "x", 0))
    assert type(back) is BrokenMemoryError
    assert "json.decoder.JSONDecodeError: no value" in str(back)
