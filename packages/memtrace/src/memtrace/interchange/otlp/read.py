"""Reading a file of spans, whatever it is: JSON, JSON lines or protobuf, with gzip or without."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from codecs import getreader
from collections.abc import Iterator
from json import JSONDecoder
from pathlib import Path
from typing import IO, Any

from lmcommon.errors import UserError
from memtrace.interchange.otlp.foreign import spans_in_document
from memtrace.interchange.otlp.proto import spans_in
from memtrace.interchange.otlp.types import Span

__all__ = ["read_spans"]

_CHUNK = 1 << 16
_GAP = re.compile(r"[\s,]*")
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_BINARY = frozenset({".pb", ".bin", ".binpb"})
_NOT_SPANS = "expected spans as OTLP JSON, JSON lines or protobuf, or an export of Phoenix, MLflow"


def read_spans(path: Path) -> Iterator[tuple[str, Span | str]]:
    """Format and span, or a problem in words, one after another.

    Raises:
        UserError: If the file cannot be read, or is none of the formats.
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP
            raw.seek(0)
            if not is_packed:
                yield from _formats(raw, path)
                return
            packed: IO[bytes] = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
            yield from _formats(packed, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: expected a whole gzip file; {error}") from error
    except OSError as error:
        raise UserError(f"{path}: expected a file that can be read; {error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {_NOT_SPANS} or Langfuse; {error}") from None


def _formats(stream: IO[bytes], path: Path) -> Iterator[tuple[str, Span | str]]:
    head = stream.read(1 << 12)
    stream.seek(len(_BOM) if head.startswith(_BOM) else 0)
    start = head.removeprefix(_BOM).lstrip()[:1]
    is_binary = head[:1] in (b"\n", b"\0") and (
        start not in (b"{", b"[") or bool(_BINARY.intersection(path.suffixes))
    )
    if is_binary:
        yield from _protobuf(stream, path)
    elif start == b"[":
        yield from _array(stream, path)
    elif start == b"{":
        yield from _lines(stream, path)
    else:
        raise UserError(f"{path}: {_NOT_SPANS} or Langfuse; got {head[:20]!r}")


def _protobuf(stream: IO[bytes], path: Path) -> Iterator[tuple[str, Span | str]]:
    any_read = False
    try:
        for span in spans_in(stream, stream.read(1)):
            any_read = True
            yield "otlp", span
    except ValueError as error:
        if not any_read:
            raise UserError(f"{path}: {_NOT_SPANS} or Langfuse; {error}") from None
        yield "otlp", f"{path.name}: {error}; what follows is left out"


def _array(stream: IO[bytes], path: Path) -> Iterator[tuple[str, Span | str]]:
    place = 0
    try:
        for place, entry in enumerate(_entries(stream), 1):
            yield from _document(entry, f"entry {place}")
    except (ValueError, RecursionError) as error:
        if place == 0:
            raise UserError(f"{path}: expected JSON; {error}; is the file cut off?") from None
        yield "", f"{path.name}, after entry {place}: {error}; what follows is left out"


def _entries(stream: IO[bytes]) -> Iterator[Any]:
    """The entries of a JSON array, one at a time: only as much is held as one entry needs.

    Raises:
        ValueError: Where it is no JSON, or ends in the middle.
        RecursionError: Where it is nested too deep.
    """
    text = getreader("utf-8")(stream)
    decode, size = JSONDecoder().raw_decode, _CHUNK
    rest = text.read(size).lstrip().removeprefix("[")
    place = 0
    while True:
        gap = _GAP.match(rest, place)
        place = gap.end() if gap else place
        if rest.startswith("]", place):
            return
        try:
            entry, end = decode(rest, place)
        except ValueError:
            entry, end = None, len(rest)
        if end < len(rest):
            yield entry
            place, size = end, _CHUNK
            continue
        more = text.read(size)
        if not more:
            decode(rest, place)  # says what is wrong, if it is not only the end that is missing
            raise ValueError("expected the end of the list")
        rest, place = rest[place:] + more, 0
        size *= 2  # a long entry is looked at a few times, not often


def _lines(stream: IO[bytes], path: Path) -> Iterator[tuple[str, Span | str]]:
    """One document a line, or one over all lines."""
    first = stream.readline()
    try:
        document = json.loads(first)
    except RecursionError:
        raise UserError(f"{path}: expected JSON of finite depth") from None
    except ValueError:
        yield from _document(_whole(first + stream.read(), path), "the file")
        return
    yield from _document(document, "line 1")
    for number, line in enumerate(stream, 2):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield "", f"line {number}: {error}; it is left out"
            continue
        yield from _document(document, f"line {number}")


def _whole(text: bytes, path: Path) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise UserError(f"{path}: expected JSON of finite depth") from None
    except ValueError as error:
        raise UserError(f"{path}: expected JSON; {error}; is the file cut off?") from None


def _document(document: Any, place: str) -> Iterator[tuple[str, Span | str]]:
    try:
        for name, found in spans_in_document(document):
            yield name, found if isinstance(found, Span) else f"{place}: {found}"
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        yield "", f"{place}: {error}; it is left out"
