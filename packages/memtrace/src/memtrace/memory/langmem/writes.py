"""What is to be written, checked: a replay may have changed the list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from lmcommon.errors import UserError
from memtrace.execution.stage import Stage

__all__ = ["checked"]


def checked(
    op: Stage, rows: Sequence[Any], items: Collection[str], prefix: str
) -> Iterator[tuple[str, str, str]]:
    """Event, item (empty: a new one) and text of every write.

    To add what is there puts it anew, and to delete what this list has deleted does nothing, as
    in the store itself.

    Args:
        op: The operation that writes.
        rows: Objects `{"event", "item", "text"}`.
        items: What is stored before the first write.
        prefix: What the ids of this memory's items start with.

    Raises:
        UserError: A row is no write, or changes what was never there.
    """
    known = set(items)
    for row in rows:
        given = row if isinstance(row, dict) else {}
        event, item, text = given.get("event"), given.get("item") or "", given.get("text") or ""
        is_own = not item or str(item).startswith(prefix)
        makes_sense = {
            "ADD": bool(text) and is_own,
            "UPDATE": bool(text) and item in known,
            "DELETE": item in known,
        }
        if not makes_sense.get(str(event), False):
            raise UserError(
                f"writes at {op.place}: expected rows {{event, item, text}}: ADD of a text (its "
                f"item left out, or starting with {prefix!r}), UPDATE or DELETE of an item in the "
                f"store ({', '.join(list(items)[:5])}, ...); got {row!r}"
            )
        known.add(str(item))
        yield str(event), str(item), str(text)
