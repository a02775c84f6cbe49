"""Damages smartcomment files and imports them: each is imported or refused in words, none crashes.

    python smartcomment_fuzz.py COUNT [SEED]

prints how the attempts ended. The tests beside this run a part of it.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.errors import UserError

__all__ = ["SMALL", "fuzz"]

SMALL = Path(__file__).parents[2] / "data/memtrace/smartcomment_small.json"
ODD: list[Any] = [
    None, True, -1, 0, 2**63, 10**400, 1e308, float("nan"), "", "x", "\ud800", "\x00", "9" * 5_000,
    [], {}, [[]], {"a": {"b": []}}, "a" * 100_000,
]  # fmt: skip


def fuzz(count: int, seed: int, folder: Path, *, limit_s: float = float("inf")) -> Counter[str]:
    """Damage and import `count` times, or until the time is up.

    Args:
        count: How often.
        seed: Of the damage.
        folder: An empty folder to work in.
        limit_s: Stop after this time.

    Returns:
        How many were `imported`, imported with `problems`, or `refused`.

    Raises:
        AssertionError: When a refusal does not name the file, or leaves something behind.
        Exception: Whatever the import raised that is not `UserError`.
    """
    draw = random.Random(seed)
    data = SMALL.read_bytes()
    graph = json.loads(data)
    ends: Counter[str] = Counter()
    started = time.monotonic()
    for attempt in range(count):
        if time.monotonic() - started > limit_s:
            break
        damaged = _bytes(data, draw) if draw.random() < 0.5 else _structure(graph, draw)
        ends[_attempt(damaged, folder, f"seed {seed}, attempt {attempt}")] += 1
    return ends


def _attempt(damaged: bytes, folder: Path, which: str) -> str:
    source, out, back = (folder / name for name in ("in.json", "t.db", "back.json"))
    source.write_bytes(damaged)
    try:
        report = memtrace.import_memtracebench(source, out)
    except UserError as error:
        _check_refusal(str(error), source, which)
        return "refused"
    except Exception as error:
        error.add_note(which)
        raise
    memtrace.export_memtracebench(out, back)
    given, got = (json.loads(path.read_text(encoding="utf-8-sig")) for path in (source, back))
    assert json.dumps(given) == json.dumps(got), which
    check = memtrace.check(out)
    assert check.ok, (which, check)
    for path in folder.iterdir():
        path.unlink()
    return "problems" if report.problems else "imported"


def _check_refusal(message: str, source: Path, which: str) -> None:
    assert source.name in message, (which, message)
    assert list(source.parent.iterdir()) == [source], which


def _bytes(data: bytes, draw: random.Random) -> bytes:
    """Flipped, cut, repeated or inserted bytes."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 3, 20))):
        place = draw.randrange(len(made))
        kind = draw.randrange(6)
        if kind == 0:
            made[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            made[place] = draw.choice(b'{}[]",:\\0-etn\xff\x00 ')
        elif kind == 2:
            del made[place : place + draw.choice((1, 10, 1_000))]
        elif kind == 3:
            made[place:place] = made[place : place + draw.choice((1, 100, 5_000))]
        elif kind == 4:
            made[place:place] = draw.choice((b"[" * 5_000, b"NaN", b"1" * 6_000, b"\\ud800"))
        elif draw.random() < 0.3:
            del made[place:]
        if not made:
            return b""
    return bytes(made)


def _structure(graph: dict[str, Any], draw: random.Random) -> bytes:
    """Fields dropped, doubled, retyped or swapped; entries too."""
    made = json.loads(json.dumps(graph))
    for _ in range(draw.choice((1, 1, 2, 5))):
        owner = _somewhere(made, draw)
        if isinstance(owner, list):
            _entry(owner, draw)
        else:
            _field(owner, draw)
    try:
        return json.dumps(made).encode()
    except (RecursionError, ValueError):  # deeper than Python writes, or in itself
        return b"{" * 2_000


def _entry(owner: list[Any], draw: random.Random) -> None:
    if not owner:
        owner.append(draw.choice(ODD))
        return
    place, other = draw.randrange(len(owner)), draw.randrange(len(owner))
    kind = draw.randrange(5)
    if kind == 0:
        del owner[place]
    elif kind == 1:
        owner.append(owner[place])
    elif kind == 2:
        owner[place], owner[other] = owner[other], owner[place]
    elif kind == 3:
        owner[place] = draw.choice(ODD)
    else:
        draw.shuffle(owner)


def _field(owner: dict[str, Any], draw: random.Random) -> None:
    names = list(owner)
    if not names:
        owner["new"] = draw.choice(ODD)
        return
    name, other = draw.choice(names), draw.choice(names)
    kind = draw.randrange(5)
    if kind == 0:
        del owner[name]
    elif kind == 1:
        owner[name], owner[other] = owner[other], owner[name]
    elif kind == 2:
        owner[name] = draw.choice(ODD)
    elif kind == 3:
        owner[f"{name}_"] = owner[name]
    else:
        nested: Any = owner[name]
        for _ in range(draw.choice((3, 200, 600))):
            nested = [nested]
        owner[name] = nested


def _somewhere(made: dict[str, Any], draw: random.Random) -> Any:
    """An object or list in the graph, entries of the big lists most often."""
    found: Any = made
    for _ in range(draw.choice((0, 1, 2, 3, 3, 3, 4))):
        inner = [part for part in (found.values() if isinstance(found, dict) else found)
                 if isinstance(part, (dict, list))]  # fmt: skip
        if not inner:
            return found
        found = draw.choice(inner)
    return found


def main() -> None:
    """Run as many as asked for."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ends = fuzz(count, seed, Path(folder))
    print(dict(ends), f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
