"""How turns are written down: the one text form of a message, shared by all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lmcommon.data.types import Session, Turn
from lmcommon.errors import UserError

__all__ = ["Line", "lines_of", "page", "written_date"]


@dataclass(frozen=True, slots=True)
class Line:
    """One turn as one line of text. Example: `Line("D1:3", "8 May 2023", "Ana: Hello.")`."""

    turn: str
    date: str
    """Empty when the session has no time."""
    text: str

    @property
    def dated(self) -> str:
        """The line with its date in front: what a message variable holds."""
        return f"[{self.date}] {self.text}" if self.date else self.text

    def to_dict(self) -> dict[str, str]:
        """As JSON."""
        return {"turn": self.turn, "date": self.date, "text": self.text}

    @classmethod
    def from_dict(cls, row: Mapping[str, str]) -> Line:
        """The line of a row; a replay may give one that was never said.

        Raises:
            UserError: The row is no object with a text.
        """
        if not isinstance(row, Mapping) or not isinstance(row.get("text"), str):
            raise UserError(f"line: expected an object {{turn, date, text}}; got {row!r}")
        return cls(row.get("turn", ""), row.get("date", ""), row["text"])


def lines_of(session: Session) -> list[Line]:
    """The turns of a session as lines."""
    date = written_date(session)
    return [Line(turn.id, date, _spoken(turn)) for turn in session.turns]


def page(lines: Sequence[Line]) -> str:
    """Lines in reading order, with a heading wherever the date changes."""
    rows: list[str] = []
    date = ""
    for line in lines:
        if line.date != date:
            date = line.date
            rows.append(f"[{date}]" if date else "[no date]")
        rows.append(line.text)
    return "\n".join(rows)


def written_date(session: Session) -> str:
    """The day of a session, such as `8 May 2023`; the data set's own wording if unparsed."""
    return _day(session.time) if session.time else session.time_text


def _day(time: datetime) -> str:
    return f"{time.day} {time:%B} {time.year}"


def _spoken(turn: Turn) -> str:
    return f"{turn.speaker}: {' '.join(turn.content.split())}"
