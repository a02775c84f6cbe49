"""Times as the data sets word them, to `datetime`; what cannot be read gives None."""

from __future__ import annotations

import re
from datetime import datetime

__all__ = ["parse_time"]

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        start=1,
    )
}
_SPOKEN = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})\s*(?P<half>[ap])m\s+on\s+"
    r"(?P<day>\d{1,2})\s+(?P<month>[a-z]+),?\s+(?P<year>\d{4})",
    re.IGNORECASE,
)
_NUMERIC = re.compile(
    r"(?P<year>\d{4})[/-](?P<month>\d{1,2})[/-](?P<day>\d{1,2})(?:\s*\(\w+\))?"
    r"(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2}))?"
)


def parse_time(text: str) -> datetime | None:
    """Read a time, without zone.

    Args:
        text: `1:56 pm on 8 May, 2023`, `2023/05/30 (Tue) 23:40` or `2025-12-15 (Monday)`.
    """
    stripped = text.strip()
    spoken, numeric = _SPOKEN.fullmatch(stripped), _NUMERIC.fullmatch(stripped)
    try:
        if spoken is not None:
            hour = int(spoken["hour"])
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if spoken["half"].lower() == "p" else 0)
            month = _MONTHS.get(spoken["month"].lower()[:3], 0)
            return datetime(
                int(spoken["year"]), month, int(spoken["day"]), hour, int(spoken["minute"])
            )
        if numeric is not None:
            return datetime(
                int(numeric["year"]), int(numeric["month"]), int(numeric["day"]),
                int(numeric["hour"] or 0), int(numeric["minute"] or 0),
            )  # fmt: skip
    except ValueError:  # a day that no month has
        return None
    return None
