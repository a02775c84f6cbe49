"""Time stamps as smartcomment writes them: `2026-01-02 10:00:00.123`, without a zone.

They are read as UTC, so that a file gives the same trace everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

__all__ = ["from_ns", "to_ns"]

_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


def to_ns(stamp: Any) -> int | None:
    """Unix time in nanoseconds; None for anything but such a time stamp."""
    return _moment(stamp) if isinstance(stamp, str) else None


def from_ns(moment_ns: int) -> str:
    """The time stamp, to the millisecond."""
    moment = datetime.fromtimestamp(moment_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment_ns // 1_000_000 % 1000:03d}"


@lru_cache(maxsize=4096)
def _moment(stamp: str) -> int | None:
    second, dot, fraction = stamp.partition(".")
    if not dot or not 1 <= len(fraction) <= 6 or not (fraction.isascii() and fraction.isdigit()):
        return None
    whole = _second(second)
    return None if whole is None else whole + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=4096)
def _second(text: str) -> int | None:
    try:
        moment = datetime.strptime(text, _FORMAT[:-3]).replace(tzinfo=UTC)
        return int(moment.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None
