"""Whether the tables still hold what was written to them."""

from __future__ import annotations

import sqlite3

from memtrace.graph.checking.findings import Problem, gather
from memtrace.graph.checking.verdicts import SHOWN
from memtrace.graph.storage import seals

__all__ = ["seal_problem"]


def seal_problem(connection: sqlite3.Connection) -> Problem | None:
    """What is wrong by the seals of a trace; None where all is well or there are none.

    The connection must see one state throughout: a transaction is open, or nobody writes.
    """
    if not seals.is_sealed(connection):
        return None
    return gather(
        "changed", "table", "do not hold the rows that were written to them",
        map(_said, seals.broken(connection)),
    )  # fmt: skip


def _said(broken: seals.Broken) -> str:
    table, found, written = broken
    shown = {**SHOWN, "meta": "metadata"}[table]
    if found == written:
        return f"{shown}: at least one of {written:,} rows changed"
    if found < written:
        return f"{shown}: {found:,} rows are left of {written:,}"
    return f"{shown}: {found:,} rows where {written:,} were written"
