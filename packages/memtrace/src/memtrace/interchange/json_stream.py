"""A JSON file of any size, piece by piece: one object of one list at a time.

In: a file of the form `{..., "data": {"nodes": [...], ...}}`. Out: its parts in the order of the
file. Each part is parsed by the standard library's scanner over a window of the file, so numbers,
NaN and escaped surrogates come out exactly as `json.load` would make them, and memory holds the
window and one part.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lmcommon.errors import UserError

__all__ = ["Part", "parts"]

_WINDOW = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_NEAR_THE_END = 16
_GZIP = b"\x1f\x8b"
_SCAN = json.JSONDecoder().raw_decode


class Part(NamedTuple):
    """A piece of the file: a top field, a field of `data`, the start of a list, or an entry."""

    kind: str
    """`top`, `data`, `list` or `entry`; `inner` stands where `data` begins."""
    name: str
    place: int
    value: Any


def parts(path: Path, on_bytes: Callable[[int], None] | None = None) -> Iterator[Part]:
    """Stream the parts of a file.

    Args:
        path: The file.
        on_bytes: Called with the number of bytes of each piece read, for a progress bar.

    Raises:
        UserError: When the file cannot be read, is no JSON, is cut off, or has another form.
    """
    with _opened(path) as file:
        window = _Window(path, file.read, on_bytes)
        yield from _walk(window)


def _opened(path: Path) -> Any:
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: expected a JSON file to read; {error.strerror}") from None
    if file.read(2) == _GZIP:
        file.close()
        raise UserError(f"{path}: expected JSON; this is gzip; unpack it first (gunzip)")
    file.seek(0)
    return file


def _walk(window: _Window) -> Iterator[Part]:
    window.expect("{", "an object with the fields of a graph")
    for name in _names(window):
        if name == "data":
            yield Part("inner", name, 0, None)
            window.expect("{", "an object with nodes, edges, operations and sessions in 'data'")
            for section in _names(window, "data."):
                yield from _section(window, section)
        else:
            yield Part("top", name, 0, window.value(name))
    if window.peek():
        window.refuse("nothing after the end of the JSON object")


def _section(window: _Window, name: str) -> Iterator[Part]:
    if window.peek() != "[":
        yield Part("data", name, 0, window.value(f"data.{name}"))
        return
    yield Part("list", name, 0, None)
    window.expect("[", "a list")
    place = 0
    if window.peek() == "]":
        window.expect("]", "the end of the list")
        return
    while True:
        yield Part("entry", name, place, window.value(f"data.{name}[{place}]"))
        place += 1
        if window.peek() == "]":
            window.expect("]", "the end of the list")
            return
        window.expect(",", f"a comma or ] after data.{name}[{place - 1}]")


def _names(window: _Window, prefix: str = "") -> Iterator[str]:
    """The names of an open object; the caller takes each value before asking for the next."""
    seen: set[str] = set()
    if window.peek() == "}":
        window.expect("}", "the end of an object")
        return
    while True:
        if window.peek() != '"':
            window.refuse("a field name in double quotes")
        name = window.value(f"a name in {prefix or 'the top object'}")
        if name in seen:
            window.refuse(f"each field once; {prefix}{name} is there twice")
        seen.add(name)
        window.expect(":", f"a colon after {prefix}{name}")
        yield name
        if window.peek() == "}":
            window.expect("}", "the end of an object")
            return
        window.expect(",", f"a comma or }} after {prefix}{name}")


class _Window:
    """The part of the text that is being looked at."""

    def __init__(
        self, path: Path, read: Callable[[int], bytes], on_bytes: Callable[[int], None] | None
    ) -> None:
        self._path, self._read, self._on_bytes = path, read, on_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._before = "", 0, 0
        self._is_whole = False

    def peek(self) -> str:
        """The next character that is not space; empty at the end of the file."""
        while True:
            at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            self._at = at
            if at < len(self._text):
                return self._text[at]
            if not self._more():
                return ""

    def expect(self, character: str, what: str) -> None:
        """Step over this character."""
        if self.peek() != character:
            self.refuse(what)
        self._at += 1

    def value(self, place: str) -> Any:
        """Parse the value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _SCAN(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._may_be_cut(error) and self._more():
                    continue
                self._at = error.pos
                self.refuse(f"JSON at {place}; {error.msg}")
            except RecursionError:
                self.refuse(f"JSON of sane depth at {place}; it is nested too deeply")
            except ValueError as error:  # an integer with thousands of digits
                self.refuse(f"JSON that Python can hold at {place}; {error}")
            # A number may go on beyond the window; nothing else may.
            if end == len(self._text) and not isinstance(value, (str, dict, list)) and self._more():
                continue
            self._at = end
            return value

    def refuse(self, expected: str) -> Any:
        """Raise `UserError`, saying where in the file."""
        got = self._text[self._at : self._at + 30]
        where = f"character {self._before + self._at:,}"
        seen = (
            f"got {got!r}" if got else "the file ends here: it is cut off, fetch or write it anew"
        )
        raise UserError(f"{self._path}: {where}: expected {expected}; {seen}")

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return (
            error.msg.startswith("Unterminated string")
            or error.pos >= len(self._text) - _NEAR_THE_END
        )

    def _more(self) -> bool:
        """Read on; what lies before the current place is dropped. False at the end of the file."""
        if self._is_whole:
            return False
        rest = self._text[self._at :]
        try:
            data = self._read(max(_WINDOW, len(rest)))
            self._is_whole = not data
            fresh = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise UserError(f"{self._path}: expected JSON in UTF-8; {error}") from None
        except OSError as error:
            raise UserError(f"{self._path}: reading failed: {error}") from error
        if self._on_bytes is not None:
            self._on_bytes(len(data))
        self._before += self._at
        self._text, self._at = rest + fresh, 0
        return bool(data)
