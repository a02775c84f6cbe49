"""Files of rows: `.json`, `.jsonl` and their `.gz` forms, read and written by the standard library.

`.jsonl` is streamed, a line at a time. A `.json` file holds a list of objects, an object whose
field `data` is such a list, or one object (one row).
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from lmcommon.data.rows import Row
from lmcommon.errors import DataError, UserError

__all__ = ["SUFFIXES", "OnBad", "is_data_file", "read_json", "read_rows", "write_jsonl"]

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


def is_data_file(name: str) -> bool:
    """Whether the name ends like a file that `read_rows` can read."""
    return name.endswith(SUFFIXES)


OnBad = Callable[[DataError], None]


def read_rows(path: str | Path, *, on_bad: OnBad | None = None) -> Iterator[Row]:
    """Read the rows of a file one by one.

    Args:
        path: A file whose name ends with one of `SUFFIXES`.
        on_bad: Is given the error of a line that is no JSON or a row that is no object, and
            reading goes on; None: such an error is raised.

    Raises:
        UserError: The file is missing, or its name ends otherwise.
        DataError: It is not valid JSON, or a row is not an object.
    """
    name = str(path)
    if not is_data_file(name):
        raise UserError(f"{name}: expected a file name that ends with {', '.join(SUFFIXES)}")
    if name.removesuffix(".gz").endswith(".jsonl"):
        yield from _lines(name, on_bad)
        return
    top = read_json(path)
    if isinstance(top, Mapping) and isinstance(top.get("data"), list):
        top = top["data"]
    for index, value in enumerate(top if isinstance(top, list) else [top]):
        yield from _tried(partial(_row, value, name, index), on_bad)


def read_json(path: str | Path) -> Any:
    """Read a whole `.json` or `.json.gz` file.

    Raises:
        UserError: The file is missing or cannot be opened.
        DataError: It is not valid JSON.
    """
    name = str(path)
    with _open(name) as stream:
        return _parse(stream.read(), name, None)


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON lines, all or nothing: a reader sees the old file or the whole new one.

    Args:
        path: Target; compressed if it ends with `.gz`. Missing folders are made.
        rows: JSON-able objects.

    Returns:
        The number of rows.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    count = 0
    try:
        with os.fdopen(handle, "wb") as raw:
            packed = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if _is_packed(path) else raw
            for row in rows:
                line = json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
                packed.write(line.encode("utf-8", "surrogatepass"))
                count += 1
            if packed is not raw:
                packed.close()
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return count


def _is_packed(path: str | Path) -> bool:
    return str(path).endswith(".gz")


@contextmanager
def _open(name: str) -> Iterator[IO[str]]:
    """Open as text; broken compression or encoding, here or while reading, is a `DataError`."""
    try:
        opener = gzip.open if _is_packed(name) else open
        with opener(name, "rt", encoding="utf-8-sig") as stream:
            yield stream
    except FileNotFoundError as error:
        raise UserError(
            f"no such file: {name!r}; give the path of a file ({', '.join(SUFFIXES)}) "
            "or the id of a data set on the hub (owner/name)"
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"cannot read {name!r}: {error.strerror}; expected a file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"expected UTF-8 text; {error.reason}", path=name) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"expected gzip, the file is broken: {error}", path=name) from error


def _lines(name: str, on_bad: OnBad | None) -> Iterator[Row]:
    index = 0
    with _open(name) as stream:
        for line in stream:
            if line.strip():
                yield from _tried(partial(_line, line, name, index), on_bad)
                index += 1


def _line(line: str, name: str, index: int) -> Row:
    return _row(_parse(line, name, index), name, index)


def _tried(make: Callable[[], Row], on_bad: OnBad | None) -> Iterator[Row]:
    """The row, or nothing after its error was handed over."""
    try:
        row = make()
    except DataError as error:
        if on_bad is None:
            raise
        on_bad(error)
        return
    yield row


def _parse(text: str, name: str, index: int | None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"expected JSON; {error.msg} at {place}", path=name, row=index) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number too long
        raise DataError(f"expected JSON; {error}", path=name, row=index) from error


def _row(value: object, name: str, index: int) -> Row:
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise DataError(f"expected an object, got {kind}", path=name, row=index)
    return Row(value, name, index)
