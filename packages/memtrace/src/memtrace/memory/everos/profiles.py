"""A profile as lines of text, and back.

In: EverOS's profile, two lists of records. Out: one line a record, `category: description` for
what was said and `(trait) name: description` for what was inferred. A text that a replay changed
is read back; lines that stayed keep their record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["profile_rows", "profile_text"]

_TRAIT = "(trait) "


def profile_text(profile: Mapping[str, Any]) -> str:
    """The lines of a profile."""
    said = [_line(row, "category") for row in profile.get("explicit_info") or ()]
    traits = [_TRAIT + _line(row, "trait") for row in profile.get("implicit_traits") or ()]
    return "\n".join([*said, *traits])


def profile_rows(text: str, known: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The records of a text."""
    said = {_line(row, "category"): row for row in known.get("explicit_info") or ()}
    traits = {_line(row, "trait"): row for row in known.get("implicit_traits") or ()}
    rows: dict[str, list[Any]] = {"explicit_info": [], "implicit_traits": []}
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith(_TRAIT):
            line = line.removeprefix(_TRAIT)
            rows["implicit_traits"].append(traits.get(line) or _row(line, "trait"))
        else:
            rows["explicit_info"].append(said.get(line) or _row(line, "category"))
    return rows


def _line(row: Any, name: str) -> str:
    if not isinstance(row, Mapping):
        return " ".join(str(row).split())
    parts = [str(row.get(key) or "") for key in (name, "description")]
    return " ".join(": ".join(part for part in parts if part).split())


def _row(line: str, name: str) -> dict[str, str]:
    label, found, description = line.partition(": ")
    return {name: label, "description": description} if found else {"description": line}
