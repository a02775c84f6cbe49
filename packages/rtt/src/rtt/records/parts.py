"""The parts of a run: every process appends to a file of its own, readers see one run in order.

    rollouts.jsonl          of a process alone, or what the merge of all parts has left
    rollouts-00003.jsonl    of process 3 of several

A place (step, group, sample) occurs once in a run. A merge that a kill interrupted may leave parts
beside the merged file; they say the same, and the first file counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcommon.errors import DataError
from lmcommon.extras import require
from rtt.records.lines import read_record
from rtt.records.record import Place, RolloutRecord

__all__ = [
    "FILE", "FORMATS", "PARQUET", "Line", "check_format", "files_in", "index_lines", "keep_places",
    "merge_parts", "part_file", "read_parts",
]  # fmt: skip

FILE = "rollouts.jsonl"
PARQUET = "rollouts.parquet"
FORMATS = ("jsonl", "parquet")
"""Of a finished run; an unfinished one is JSON lines, which a kill can cut at the end only."""

_PLACE = re.compile(rb'\{"step": (-?\d+), "group": (-?\d+), "sample": (-?\d+),')


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Where a record stands. Example: `Line((0, 3, 1), 0, 4096, 812)`."""

    place: Place
    file: int
    """Which of the files that were indexed."""
    start: int
    """Byte at which its line begins."""
    size: int
    """Bytes, with the line's end."""


def check_format(form: str) -> None:
    """Fail before hours of work, not after them, where a format cannot be written.

    Raises:
        MissingExtraError: parquet without pyarrow.
    """
    if form == "parquet":
        require("pyarrow", extra="rtt-llm[parquet]")


def part_file(folder: Path, rank: int) -> Path:
    """The file that process `rank` of several appends to."""
    return folder / f"rollouts-{rank:05d}.jsonl"


def files_in(folder: Path) -> list[Path]:
    """The files of rollouts of a run: merged ones first, then parts by number; [] if none."""
    whole = [path for path in (folder / PARQUET, folder / FILE) if path.is_file()]
    return [*whole, *sorted(folder.glob("rollouts-[0-9]*.jsonl"))]


def index_lines(files: Sequence[Path]) -> list[Line]:
    """All whole lines of some files, by place; of equal places the first stays.

    Raises:
        DataError: A line does not name its place.
    """
    found: dict[Place, Line] = {}
    for number, path in enumerate(files):
        with path.open("rb") as stream:
            start = 0
            for row, line in enumerate(stream):
                if not line.endswith(b"\n"):
                    break
                place = _place(line, path, row)
                found.setdefault(place, Line(place, number, start, len(line)))
                start += len(line)
    return sorted(found.values())


def read_parts(files: Sequence[Path]) -> Iterator[RolloutRecord]:
    """The records of several files in the order of their places.

    Raises:
        DataError: A line is not a record; names its file.
    """
    if files and files[0].suffix == ".parquet":  # written last, from all the others
        from rtt.records.parquet import read_parquet

        yield from read_parquet(files[0])
        return
    for line, raw in _raw(files):
        try:
            record = read_record(json.loads(raw))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"expected a rollout record at byte {line.start}; {error!r}",
                path=str(files[line.file]),
            ) from error
        yield record


def keep_places(path: Path, keeps: Callable[[Place], bool]) -> None:
    """Drop the lines of a file whose place is not wanted, and a torn last line; whole or not."""
    part = path.with_name(f".{path.name}.part")
    changed = False
    with path.open("rb") as stream, part.open("wb") as out:
        for row, line in enumerate(stream):
            if line.endswith(b"\n") and keeps(_place(line, path, row)):
                out.write(line)
            else:
                changed = True
    if changed:
        os.replace(part, path)
    else:
        part.unlink()


def merge_parts(folder: Path, *, form: str = "jsonl") -> Path:
    """Write one file of all parts, in order, and remove them; a kill loses nothing.

    Args:
        folder: Of a run in which nobody writes any more.
        form: jsonl or parquet.

    Returns:
        The file; it is empty if there was nothing.
    """
    target = folder / (PARQUET if form == "parquet" else FILE)
    files = files_in(folder)
    if target not in files or len(files) > 1:
        part = folder / f".{target.name}.part"
        if form == "parquet":
            from rtt.records.parquet import write_parquet

            write_parquet(part, read_parts(files))
        else:
            with part.open("wb") as out:
                out.writelines(raw for _, raw in _raw(files))
        os.replace(part, target)
    for path in files:
        if path != target:
            path.unlink()
    return target


def _raw(files: Sequence[Path]) -> Iterator[tuple[Line, bytes]]:
    """Lines in order of place. Each process wrote in order, so this reads a few files onwards."""
    streams = [path.open("rb") for path in files]
    try:
        for line in index_lines(files):
            stream = streams[line.file]
            stream.seek(line.start)
            yield line, stream.read(line.size)
    finally:
        for stream in streams:
            stream.close()


def _place(line: bytes, path: Path, row: int) -> Place:
    if found := _PLACE.match(line):
        step, group, sample = map(int, found.groups())
        return step, group, sample
    try:
        loaded = json.loads(line)
        return loaded["step"], loaded["group"], loaded["sample"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"expected a rollout record; {error!r}", path=str(path), row=row) from error
