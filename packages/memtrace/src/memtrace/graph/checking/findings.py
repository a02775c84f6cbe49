"""What a check of a trace can find: problems, gathered so that a million of them is one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

__all__ = ["CheckReport", "Problem", "Tick", "Verdict", "counted", "gather"]

Tick = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and how far it goes (0: not known)."""

Verdict = Literal["sound", "damaged", "foreign", "newer", "empty", "missing"]

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of damage, with how often and where first.

    Example:
        `Problem("value missing", "variable", "have no value", 2, ("var-3", "var-9"))`
    """

    kind: str
    """Two or three words that stay the same, to be asked for by programs."""
    noun: str
    """What it happened to: variable, operation, page, index, file, ..."""
    says: str
    """What is wrong with them: goes on after "variables that ..."; a sentence if `count` is 0."""
    count: int = 0
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.count:
            return f"{self.kind}: {self.says}"
        shown = ", ".join(self.examples) + (", ..." if self.count > len(self.examples) else "")
        return f"{self.kind}: {_plural(self.noun)} that {self.says}: {self.count:,} ({shown})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Example:
        `CheckReport(path="trace.db", verdict="sound", schema=2, counts={"operations": 4, ...})`
    """

    path: str
    verdict: Verdict
    schema: int | None = None
    counts: dict[str, int] | None = None
    """Operations, variables, input edges and values; None where they cannot be counted."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What is worth knowing and no damage, such as a recording in progress."""
    is_recording: bool = False
    can_be_saved: dict[str, int] | None = None
    """Rows that `memtrace.repair` can read, by table; only for a damaged file."""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether the file is a sound trace."""
        return self.verdict == "sound"

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return {**asdict(self), "ok": self.ok}

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.verdict}"]
        if self.counts:
            lines[0] += f", {counted(self.counts)}"
        lines += [f"  {problem}" for problem in self.problems]
        lines += [f"  note: {note}" for note in self.notes]
        if self.can_be_saved:
            lines.append(f"  can be saved: {counted(self.can_be_saved)}")
        return "\n".join([*lines, f"  {self.advice}"] if self.advice else lines)


def gather(kind: str, noun: str, says: str, found: Iterable[str]) -> Problem | None:
    """One problem out of many cases; None when there is none. Takes memory for the first few."""
    stream = iter(found)
    examples = tuple(islice(stream, _EXAMPLES))
    count = len(examples) + sum(1 for _ in stream)
    return Problem(kind, noun, says, count, examples) if count else None


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") and noun != "key" else noun + "s"


def counted(numbers: Mapping[str, int]) -> str:
    """Numbers in words, such as `4 operations, 9 variables`."""
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items())
