"""What must hold in a sound trace beyond what SQLite itself sees to, and how to mend what does not.

In: a connection to a trace whose tables can be read. Out: for every rule that is broken, how often
and where. Each rule is one statement that streams the numbers of the offending rows, so a million
operations take little memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from memtrace.graph.ids import operation_id, variable_id

__all__ = ["RULES", "VALUES", "Rule", "add_functions", "offenders", "show"]

Noun = Literal["variable", "operation", "digest", "key", "number"]


class Rule(NamedTuple):
    """One thing that must hold.

    Example:
        `Rule("value missing", "have lost their value", "variable", "SELECT number FROM ...", ())`
    """

    kind: str
    """What is wrong, in two or three words: the `kind` of a `Problem`."""
    says: str
    """Goes on after "variables that ..."."""
    noun: Noun
    find: str
    """Selects the offending rows: first column the number (digest, key) to show."""
    mend: tuple[str, ...]
    """Statements after which nothing is found any more; the least is given up."""


def _no_text(*columns: str) -> str:
    return f"NOT is_text({', '.join(f'CAST({column} AS BLOB)' for column in columns)})"


def _no_object(column: str) -> str:
    return f"NOT is_object(CAST({column} AS BLOB))"


def _not_older(column: str, table: str) -> str:
    gone = f"{column} NOT IN (SELECT number FROM {table})"
    return f"{column} IS NOT NULL AND ({column} >= number OR {gone})"


_NO_MAKER = _not_older("producer", "operations")
_NO_SOURCE = _not_older("source", "variables")
_NO_PARENT = _not_older("parent", "operations")
_LOOSE_INPUT = (
    "operation NOT IN (SELECT number FROM operations)"
    " OR variable NOT IN (SELECT number FROM variables)"
)
_CYCLE = (
    "variable > operation AND EXISTS (SELECT 1 FROM variables v"
    " WHERE v.producer = inputs.operation AND v.number <= inputs.variable)"
)
_BAD_META = f"NOT is_json(CAST(value AS BLOB)) OR {_no_text('key')}"
_BAD_VARIABLE = (
    "number < 1"
    " OR typeof(kind) != 'text' OR typeof(name) NOT IN ('text', 'null') OR typeof(digest) != 'blob'"
    " OR length(digest) != 16 OR typeof(producer) NOT IN ('integer', 'null')"
    " OR typeof(role) NOT IN ('text', 'null') OR typeof(position) != 'integer'"
    " OR typeof(item) NOT IN ('text', 'null') OR typeof(version) NOT IN ('integer', 'null')"
    " OR typeof(is_deletion) != 'integer' OR typeof(source) NOT IN ('integer', 'null')"
    f" OR typeof(created_ns) != 'integer' OR {_no_object('metadata')}"
    f" OR {_no_text('kind', 'name', 'role', 'item')}"
)
_BAD_OPERATION = (
    "number < 1"
    " OR typeof(end_number) NOT IN ('integer', 'null') OR typeof(kind) != 'text'"
    " OR typeof(name) != 'text' OR typeof(parent) NOT IN ('integer', 'null')"
    " OR typeof(model) NOT IN ('text', 'null') OR typeof(error_type) NOT IN ('text', 'null')"
    " OR typeof(error_message) NOT IN ('text', 'null') OR typeof(started_ns) != 'integer'"
    f" OR typeof(finished_ns) NOT IN ('integer', 'null') OR {_no_object('parameters')}"
    f" OR {_no_object('usage')} OR {_no_object('metadata')}"
    f" OR {_no_text('kind', 'name', 'model', 'error_type', 'error_message')}"
)
_BAD_INPUT = (
    "typeof(operation) != 'integer' OR typeof(place) != 'integer' OR typeof(role) != 'text'"
    f" OR typeof(variable) != 'integer' OR {_no_text('role')}"
)
_BAD_BLOB = (
    "typeof(digest) != 'blob' OR length(digest) != 16 OR typeof(encoding) != 'text'"
    " OR codec NOT IN ('raw', 'zlib', 'pack', 'chunks') OR typeof(size) != 'integer'"
    " OR typeof(data) != 'blob' OR encoding NOT IN ('text', 'json', 'tagged', 'bytes')"
)
_TAKEN = "number IN (SELECT number FROM variables)"


def _rule(kind: str, says: str, noun: Noun, table: str, column: str, where: str,
          *mend: str) -> Rule:  # fmt: skip
    return Rule(kind, says, noun, f"SELECT {column} FROM {table} WHERE {where}", mend)


RULES = (
    _rule("row damaged", "hold what no recording writes there", "key", "meta", "key",
          _BAD_META, f"DELETE FROM meta WHERE {_BAD_META}"),
    _rule("row damaged", "hold what no recording writes there", "variable", "variables", "number",
          _BAD_VARIABLE,
          "UPDATE variables SET metadata = NULL WHERE " + _no_object("metadata"),
          f"DELETE FROM variables WHERE {_BAD_VARIABLE}"),
    _rule("row damaged", "hold what no recording writes there", "operation", "operations", "number",
          _BAD_OPERATION,
          "UPDATE operations SET parameters = NULL WHERE " + _no_object("parameters"),
          "UPDATE operations SET usage = NULL WHERE " + _no_object("usage"),
          "UPDATE operations SET metadata = NULL WHERE " + _no_object("metadata"),
          f"DELETE FROM operations WHERE {_BAD_OPERATION}"),
    _rule("row damaged", "have an input that holds what no recording writes there", "operation",
          "inputs", "operation", _BAD_INPUT, f"DELETE FROM inputs WHERE {_BAD_INPUT}"),
    _rule("row damaged", "hold what no recording writes there", "digest", "blobs", "digest",
          _BAD_BLOB, f"DELETE FROM blobs WHERE {_BAD_BLOB}"),
    _rule("number used twice", "have the number of a variable", "operation", "operations", "number",
          _TAKEN, f"DELETE FROM operations WHERE {_TAKEN}"),
    _rule("edge without end", "name a producer that is not there or is newer", "variable",
          "variables", "number", _NO_MAKER,
          f"UPDATE variables SET producer = NULL, role = NULL, position = 0 WHERE {_NO_MAKER}"),
    _rule("edge without end", "are copies of a variable that is not there or is newer", "variable",
          "variables", "number", _NO_SOURCE,
          f"UPDATE variables SET source = NULL, item = NULL, version = NULL WHERE {_NO_SOURCE}"),
    _rule("edge without end", "name a parent that is not there or is newer", "operation",
          "operations", "number", _NO_PARENT,
          f"UPDATE operations SET parent = NULL WHERE {_NO_PARENT}"),
    _rule("edge without end", "have an input of which one end is not there", "operation", "inputs",
          "operation", _LOOSE_INPUT, f"DELETE FROM inputs WHERE {_LOOSE_INPUT}"),
    _rule("cycle", "read something newer than what they made", "operation", "inputs", "operation",
          _CYCLE, f"DELETE FROM inputs WHERE {_CYCLE}"),
    _rule("order broken", "end before they begin", "operation", "operations", "number",
          "end_number <= number",
          "UPDATE operations SET end_number = NULL WHERE end_number <= number"),
)  # fmt: skip
"""In the order in which they are to be mended: a later rule finds what an earlier one took away."""

VALUES = Rule(
    "value missing", "have no value", "variable",
    "SELECT number FROM variables WHERE digest NOT IN (SELECT digest FROM blobs)", (),
)  # fmt: skip


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the rules ask."""
    tests: dict[str, tuple[int, Callable[..., bool]]] = {
        "is_json": (1, _is_json), "is_object": (1, _is_object), "is_text": (-1, _is_text),
    }  # fmt: skip
    for name, (arguments, test) in tests.items():
        connection.create_function(name, arguments, test, deterministic=True)


def offenders(connection: sqlite3.Connection, rule: Rule) -> Iterator[str]:
    """Stream what breaks a rule, as ids that a person can use."""
    for row in connection.execute(rule.find):
        yield show(rule.noun, row[0])


def show(noun: Noun, value: object) -> str:
    """A number, digest or key as people see it."""
    if noun == "variable" and isinstance(value, int):
        return variable_id(value)
    if noun == "operation" and isinstance(value, int):
        return operation_id(value)
    return value.hex() if isinstance(value, bytes) else str(value)


def _is_json(text: bytes | None) -> bool:
    try:
        json.loads(text or b"")
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(text: bytes | None) -> bool:
    if text is None or text == b"{}":
        return True
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _is_text(*texts: bytes | None) -> bool:
    """Texts come as bytes: SQLite does not see to it that they are UTF-8."""
    try:
        for text in texts:
            if text is not None and not text.isascii():
                text.decode()
    except UnicodeDecodeError:
        return False
    return True
