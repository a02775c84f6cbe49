"""A mutated file of spans is imported or diagnosed; what is imported is a sound graph."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.errors import UserError

DATA = Path(__file__).parents[2] / "data" / "memtrace"
ODD = [
    None, True, -1, 0, 1e308, 2**70, "", "x", "op-0", "op-5", "var-99999", "var-3", "\ud800", [],
    {}, [{}], [1], {"a": 1}, "[]", "[1]", '[{"id":"var-3","role":"x"}]', "9" * 30,
]  # fmt: skip


def own_files(folder: Path) -> list[Path]:
    """A trace of ours with a bit of everything, exported."""
    with memtrace.record(folder / "own.db"):
        outside = memtrace.variable({"text": "Anna moved."}, kind="message")
        with memtrace.step("outer", inputs={"message": outside}) as outer:
            with memtrace.step("inner", inputs={"odd": [{1, 2}, b"\xff"]}) as op:
                made = op.output("item", "Anna lives in Lisbon.", item="m1")
            outer.output("copy", outer.output("twice", 2))
        with memtrace.step("read", kind="retrieval", inputs={"item": made}) as op:
            op.output("hits", made)
            op.failed("OddError", "wrong")
    names = [folder / "own.jsonl", folder / "own.pb"]
    for name in names:
        memtrace.export_otlp(folder / "own.db", name, batch=3)
    return names


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def mutate(data: Any, chance: random.Random) -> Any:
    """The document with something replaced, dropped, doubled or cut, also inside its texts."""
    for _ in range(chance.randint(1, 4)):
        if not (found := list(places(data))):
            return data
        *above, key = chance.choice(found)
        holder = data
        for step in above:
            holder = holder[step]
        value, way = holder[key], chance.random()
        if way < 0.5:
            holder[key] = chance.choice(ODD)
        elif way < 0.65:
            del holder[key]
        elif isinstance(value, str) and value[:1] in ("[", "{"):
            holder[key] = json.dumps(mutate(json.loads(value), chance))
        elif isinstance(value, str):
            holder[key] = value[: chance.randint(0, len(value))] + chance.choice(["", "\0", "☃"])
        elif isinstance(holder, list):
            holder.append(json.loads(json.dumps(value)))
    return data


def mutated(source: Path, chance: random.Random) -> bytes:
    if source.suffix == ".json" and chance.random() < 0.7:
        return json.dumps(mutate(json.loads(source.read_bytes()), chance)).encode()
    if source.suffix == ".jsonl" and chance.random() < 0.7:
        lines = source.read_text("utf-8").splitlines()
        return "\n".join(json.dumps(mutate(json.loads(line), chance)) for line in lines).encode()
    data = bytearray(source.read_bytes())
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(data) + 1)
        if chance.random() < 0.7:
            data[place : place + 1] = bytes([chance.randrange(256)])
        else:
            del data[place : place + chance.choice([1, 50, len(data)])]
    return bytes(data)


def check_sound(trace: memtrace.Trace) -> None:
    """Every end of every edge is there, edges ascend, every value can be read."""
    made = {variable.id: variable for variable in trace.variables()}
    known = {operation.id for operation in trace.operations()}
    for operation in trace.operations():
        assert operation.parent is None or operation.parent in known
        assert all(made[variable].seq < operation.seq for variable in operation.input_ids)
        assert all(made[variable].seq > operation.seq for variable in operation.output_ids)
    for variable in made.values():
        assert variable.producer is None or variable.producer in known
        assert variable.source is None or variable.source in made
        trace.value(variable.id)


def run(count: int, first: int, folder: Path) -> None:
    pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    sources = [*sorted(DATA.glob("otlp_*")), *own_files(folder) * 2]
    for seed in range(first, first + count):
        chance = random.Random(seed)
        source = chance.choice(sources)
        path, out = folder / f"mutated{source.suffix}", folder / "out.db"
        path.write_bytes(mutated(source, chance))
        said = None
        try:
            memtrace.import_otlp(path, out)
        except UserError as error:
            said = str(error)
        assert out.exists() == (said is None), seed
        assert said is None or path.name in said, seed
        if said is None:
            with memtrace.open(out) as trace:
                check_sound(trace)
            out.unlink()


def test_a_hundred_mutations(tmp_path: Path) -> None:
    run(100, 0, tmp_path)


@pytest.mark.slow
def test_a_thousand_mutations(tmp_path: Path) -> None:
    run(1_000, 100, tmp_path)
