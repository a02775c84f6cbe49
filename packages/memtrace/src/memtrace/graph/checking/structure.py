"""What SQLite says about the structure of a file, in plain words.

In: a connection. Out: problems by table and index. SQLite speaks of tree pages; here the table
whose tree it is is named.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from memtrace.graph.checking.findings import Problem, gather

__all__ = ["structure_problems"]

_MOST = 2_000
"""How many messages to ask for: enough to count by, little enough to read."""
_TREE = re.compile(r"(?:On tree page|Tree) (\d+)(?: page (\d+))?")
_INDEX = re.compile(r"(?:missing from|entries in|entry in) index (\w+)")
_COLUMN = re.compile(r"in (\w+)\.\w+")


def structure_problems(connection: sqlite3.Connection) -> list[Problem]:
    """Everything `PRAGMA integrity_check` finds, gathered by where it is.

    Raises:
        sqlite3.DatabaseError: When not even that can be run.
    """
    messages = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
    if messages == ["ok"]:
        return []
    names = _names(connection)
    found: dict[tuple[str, str, str], list[str]] = {}
    for message in _lines(messages):
        found.setdefault(_where(message, names), []).append(message)
    problems = (
        gather(kind, noun, says, examples) for (kind, noun, says), examples in found.items()
    )
    return [problem for problem in problems if problem]


def _lines(messages: list[str]) -> Iterator[str]:
    for message in messages:
        for line in message.splitlines():
            if line.strip() and not line.startswith("***"):
                yield line.strip()


def _names(connection: sqlite3.Connection) -> dict[int, str]:
    """First page of every tree to `table x` or `index y`."""
    try:
        rows = connection.execute("SELECT rootpage, type, name FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError:
        return {}
    return {root: f"{kind} {name}" for root, kind, name in rows if root}


def _where(message: str, names: dict[int, str]) -> tuple[str, str, str]:
    """Kind, noun and the rest of the sentence for a message of SQLite."""
    if index := _INDEX.search(message):
        return "index damaged", "entry", f"do not agree between index {index[1]} and its table"
    if tree := _TREE.search(message):
        where = names.get(int(tree[1]), "an unknown table")
        return "page damaged", "place", f"make no sense in {where}"
    if column := _COLUMN.search(message):
        return "row damaged", "row", f"hold what they must not in table {column[1]}"
    return "page damaged", "place", "make no sense in the file as a whole"
