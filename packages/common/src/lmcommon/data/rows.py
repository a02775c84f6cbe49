"""A JSON object with its place: every wrong field becomes a `DataError` that says where.

Readers never touch raw JSON: they ask a `Row` for a text, an integer, a list of rows. What is
missing or of another type is an error with file, row and field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from lmcommon.errors import DataError

__all__ = ["Row"]

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a file.

    Example:
        `Row({"id": 3}, path="a.jsonl", index=0).text("id")` raises
        `DataError: a.jsonl, row 0, field 'id': expected text, got 3`.
    """

    value: Mapping[str, Any]
    path: str
    index: int
    prefix: str = ""
    """Path of the field inside the row that holds this object, such as `qa[3].`."""

    def error(self, problem: str, field: str | None = None) -> DataError:
        """A `DataError` at this row; `field` is below the object's own place."""
        whole = self.prefix + field if field is not None else self.prefix.rstrip(".") or None
        return DataError(problem, path=self.path, row=self.index, field=whole)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.value.get(key) is not None

    def text(self, key: str) -> str:
        """A text."""
        value = self._get(key)
        if not isinstance(value, str):
            raise self._unexpected("text", value, key)
        return value

    def text_or(self, key: str, default: str = "") -> str:
        """A text; `default` when missing or null."""
        return self.text(key) if self.has(key) else default

    def scalar_text(self, key: str) -> str:
        """A text, or a number written as text: some gold answers are integers."""
        value = self._get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self._unexpected("text or a number", value, key)
        return value

    def integer(self, key: str) -> int:
        """An integer."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._unexpected("an integer", value, key)
        return value

    def number(self, key: str) -> float:
        """A number, whole or not."""
        value = self._get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self._unexpected("a number", value, key)
        try:
            number = float(value)
        except OverflowError:  # JSON has whole numbers of any size
            number = inf
        if not isfinite(number):
            raise self._unexpected("a finite number", value, key)
        return number

    def boolean(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._unexpected("true or false", value, key)
        return value

    def items(self, key: str) -> list[Any]:
        """A list of anything."""
        value = self._get(key)
        if not isinstance(value, list):
            raise self._unexpected("a list", value, key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return self._all(key, str, "text")

    def booleans(self, key: str) -> tuple[bool, ...]:
        """A list of true and false."""
        return self._all(key, bool, "true or false")

    def row(self, key: str) -> Row:
        """An object."""
        return self._below(self._get(key), key)

    def unpacked(self, key: str) -> Row:
        """The object with a field that may hold JSON text replaced by what the text says.

        Arrow tables hold as text what has other keys in each row.
        """
        value = self._get(key)
        if not isinstance(value, str):
            return self
        try:
            said = json.loads(value)
        except (ValueError, RecursionError) as error:
            shown = value if len(value) <= 60 else value[:57] + "..."
            raise self.error(f"expected JSON, got {shown!r} ({error})", key) from error
        return Row({**self.value, key: said}, self.path, self.index, self.prefix)

    def rows(self, key: str) -> list[Row]:
        """A list of objects."""
        return [self._below(item, f"{key}[{i}]") for i, item in enumerate(self.items(key))]

    def lists(self, key: str) -> list[list[Row]]:
        """A list of lists of objects."""
        outer: list[list[Row]] = []
        for i, inner in enumerate(self.items(key)):
            if not isinstance(inner, list):
                raise self._unexpected("a list", inner, f"{key}[{i}]")
            outer.append([self._below(item, f"{key}[{i}][{j}]") for j, item in enumerate(inner)])
        return outer

    def _all(self, key: str, kind: type[Any], called: str) -> tuple[Any, ...]:
        values = self.items(key)
        for i, value in enumerate(values):
            if not isinstance(value, kind):
                raise self._unexpected(called, value, f"{key}[{i}]")
        return tuple(values)

    def _below(self, value: object, key: str) -> Row:
        if not isinstance(value, Mapping):
            raise self._unexpected("an object", value, key)
        return Row(value, self.path, self.index, f"{self.prefix}{key}.")

    def _get(self, key: str) -> Any:
        value = self.value.get(key, _ABSENT)
        if value is _ABSENT:
            known = ", ".join(sorted(map(str, self.value))[:12])
            raise self.error(f"missing; the fields here are: {known or 'none'}", key)
        return value

    def _unexpected(self, expected: str, value: object, key: str) -> DataError:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return self.error(f"expected {expected}, got {shown}", key)
