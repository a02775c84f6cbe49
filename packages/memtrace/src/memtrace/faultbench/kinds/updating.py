"""Faults of update and deletion: a write spoils what the memory held, or was about to hold."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from memtrace.attribution.taxonomy import ErrorType
from memtrace.faultbench.kinds.bending import is_first, losing, losing_rows, renaming, told
from memtrace.faultbench.kinds.point import Aim, Bend, PointKind, Site
from memtrace.faultbench.shapes import in_reply, texts_in

__all__ = ["UPDATING"]

_DECIDE = Site(kinds=("update",), roles=("reply", "profile", "summary"))
_WRITE = Site(kinds=("update", "store"), roles=("writes",))
_LINES = Site(kinds=("update",), roles=("lines",))


def _as_of_old(aim: Aim, rng: random.Random) -> Bend | None:
    fact = aim.target.fact
    if fact.old is None or aim.target.needle != fact.value:
        return None
    return told(aim, fact.value, fact.old)


def _ignored(aim: Aim, rng: random.Random) -> Bend | None:
    if not is_first(aim):
        return None
    if aim.seen.role == "lines":
        return losing(aim, rng)
    is_told = _changes_event(aim, "NONE")
    return is_told if is_told is not None else losing_rows(aim, rng)


def _deleted(aim: Aim, rng: random.Random) -> Bend | None:
    return _changes_event(aim, "DELETE", of=("UPDATE", "NONE"))


def _changes_event(aim: Aim, event: str, of: tuple[str, ...] = ("ADD", "UPDATE")) -> Bend | None:
    """Decisions about the fact become another event; None where the value holds no such decision.

    `NONE` leaves the row out of a list of writes, which knows no such event.
    """

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            rows = [changed(one) for one in value]
            return [one for one in rows if one is not None]
        if not isinstance(value, Mapping):
            return value
        if value.get("event") in of and any(text in aim.target for text in texts_in(value)):
            if event == "NONE" and aim.seen.role == "writes":
                return None
            return {**value, "event": event}
        return {key: changed(one) for key, one in value.items()}

    def bend(value: Any) -> Any:
        return in_reply(value, changed)

    return None if bend(aim.seen.value) == aim.seen.value else bend


def _trimmed(aim: Aim, rng: random.Random) -> Bend:
    def bend(value: Any) -> Any:
        told_at = [n for n, row in enumerate(value) if any(t in aim.target for t in texts_in(row))]
        return value[told_at[-1] + 1 :] if told_at else value

    return bend


UPDATING = (
    PointKind(
        name="overwrite_with_old", sites=(_DECIDE, _WRITE, _LINES), bend=_as_of_old,
        in_words="the new value is written as the old one",
    ),
    PointKind(
        name="merge_entities", sites=(_DECIDE, _WRITE, _LINES), bend=renaming,
        in_words="the fact is filed as somebody else's",
    ),
    PointKind(
        name="delete_on_contradiction", sites=(_DECIDE, _WRITE), bend=_deleted,
        error_type=ErrorType.DELETION, in_words="what should be changed is deleted",
    ),
    PointKind(
        name="ignore_new_fact", sites=(_DECIDE, _WRITE, _LINES), bend=_ignored,
        in_words="the new fact is not written",
    ),
    PointKind(
        name="trim_window", sites=(Site(kinds=("trim",), roles=("lines",)),), bend=_trimmed,
        in_words="more of the window is dropped than its size asks for",
    ),
)  # fmt: skip
