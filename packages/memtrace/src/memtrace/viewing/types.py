"""What a page is told before it opens, what it is asked, and how it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError

__all__ = ["Ask", "RefusedError", "ViewOptions"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_DIGITS = 15


class RefusedError(UserError):
    """A request that is not answered, with the status that says so.

    Args:
        message: What was expected, what came, what to do.
        status: Of HTTP.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What the page may do beside looking.

    Example: `ViewOptions(folder=Path("runs/view/1"), replay=True, annotate=("ana",))`
    """

    folder: Path | None = None
    """Where traces of replays go; None: a temporary folder that goes with the page."""
    attributions: Path | None = None
    """A run folder or `attributions.jsonl`; None: that beside the trace, if there is one."""
    others: tuple[Path, ...] = ()
    """Traces to compare with."""
    replay: bool = False
    """Whether the page may run the trace again."""
    annotate: tuple[str, ...] = ()
    """Names of those who may annotate; none: nobody may."""

    def __post_init__(self) -> None:
        if wrong := [name for name in self.annotate if not _NAME.fullmatch(name)]:
            raise UserError(
                "annotate: expected names of letters, digits, _ and - (they become file names); "
                f"got {wrong[0]!r}; give 'annotate=[ana,bo]'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to the API.

    Example: `Ask(name="var-93", query={"offset": "100"})`
    """

    name: str = ""
    """What the path names: an id, an item, a job."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """A word of the query; empty if it is not there."""
        return self.query.get(key, "")

    def number(self, key: str, default: int, *, most: int | None = None) -> int:
        """A whole number of the query, from 0.

        Args:
            key: Its name.
            default: If it is not there.
            most: More than this is taken for this.

        Raises:
            RefusedError: It is no such number.
        """
        given = self.query.get(key, "")
        if not given:
            return default
        if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
            raise RefusedError(f"{key}: expected a whole number from 0; got {given!r}; correct it")
        return int(given) if most is None else min(int(given), most)
