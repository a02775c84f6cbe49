"""Attributions that a run has left, by answer.

In: a run folder of `memtrace-trace` or `memtrace-attribute`, or its `attributions.jsonl`. Out: for
each answer the body of `Attribution.to_dict()`. Of several of one answer, one that was proved by
replay is taken before one that was not, and a later one before an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.errors import UserError

__all__ = ["NAME", "read_attributions"]

NAME = "attributions.jsonl"


def read_attributions(path: Path) -> dict[str, Mapping[str, Any]]:
    """The attributions of a run, by the variable of the answer.

    Args:
        path: A run folder, or its `attributions.jsonl`.

    Raises:
        UserError: There is no such file.
        DataError: A row is of something else.
    """
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"attributions: expected a run folder with {NAME}, or such a file; got {path}; run "
            "memtrace-attribute first, or leave it out"
        )
    found: dict[str, Mapping[str, Any]] = {}
    for row in read_rows(file):
        body = _body(row)
        if body is not None:
            before = found.get(body["answer"])
            if before is None or not before.get("decisive") or body.get("decisive"):
                found[body["answer"]] = body
    return found


def _body(row: Row) -> Mapping[str, Any] | None:
    """The attribution in a row of either verb; None for an attempt that failed."""
    inner = row
    if "attribution" in row.value:
        if not row.has("attribution"):
            return None
        inner = row.row("attribution")
    for key in ("answer", "verdict", "prediction", "reason"):
        inner.text(key)
    inner.number("confidence")
    for suspect in inner.rows("suspects"):
        suspect.text("name"), suspect.text("error_type"), suspect.text("evidence")
    return inner.value
