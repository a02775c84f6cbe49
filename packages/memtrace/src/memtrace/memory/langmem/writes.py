"""What is to be written, checked: a replay may have changed the list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.stage import Stage

__all__ = ["checked"]


def checked(
    op: Stage, rows: Sequence[Any], items: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """Event, item (empty: a new one) and text of every write.

    Args:
        op: The operation that writes.
        rows: Objects `{"event", "item", "text"}`.
        items: What is stored now; it may change while this runs.

    Raises:
        UserError: A row is no write, or changes what is not there.
    """
    for row in rows:
        given = row if isinstance(row, dict) else {}
        event, item, text = given.get("event"), given.get("item") or "", given.get("text") or ""
        is_known = item in items
        makes_sense = {
            "ADD": bool(text) and not is_known,
            "UPDATE": bool(text) and is_known,
            "DELETE": is_known,
        }
        if not makes_sense.get(str(event), False):
            raise UserError(
                f"writes at {op.place}: expected rows {{event, item, text}}: ADD of a text, UPDATE "
                f"or DELETE of an item in the store ({', '.join(list(items)[:5])}, ...); "
                f"got {row!r}"
            )
        yield str(event), str(item), str(text)
