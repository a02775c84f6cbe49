"""What a set of labelled responses is made of: kinds, outcomes, how much is relevant, origins.

In: rows. Out: counts, as figures and as a Markdown table, so that nobody trains on a set in which
a kind is never met or everything is relevant without having been told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.registry import is_known, scope_of
from rtt.discriminator.examples import LabelledResponse

__all__ = ["Distribution", "KindCount"]


@dataclass(slots=True)
class KindCount:
    """Counts of one kind."""

    rows: int = 0
    met: int = 0
    broken: int = 0
    whole: int = 0
    """Rows in which every character is relevant."""
    none: int = 0
    """Rows in which none is."""
    characters: int = 0
    """Labelled ones."""
    relevant: int = 0
    unlabelled: int = 0
    origins: Counter[str] = field(default_factory=Counter)

    def add(self, row: LabelledResponse) -> None:
        """Count one row."""
        labels = Counter(row.char_labels)
        self.rows += 1
        self.met += row.satisfied is True
        self.broken += row.satisfied is False
        self.whole += not labels[0] and bool(labels[1])
        self.none += not labels[1]
        self.characters += labels[0] + labels[1]
        self.relevant += labels[1]
        self.unlabelled += labels[-1]
        self.origins[row.origin or row.source] += 1

    @property
    def share(self) -> float | None:
        """Share of the labelled characters that are relevant; None without any."""
        return self.relevant / self.characters if self.characters else None


@dataclass(slots=True)
class Distribution:
    """Counts of all kinds. Example: `Distribution.of(rows).lines()`."""

    kinds: dict[str, KindCount] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[LabelledResponse]) -> Distribution:
        """Count rows."""
        found = cls()
        for row in rows:
            found.kinds.setdefault(row.kind or row.source, KindCount()).add(row)
        return found

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(one.rows for one in self.kinds.values())

    def figures(self) -> dict[str, Any]:
        """Totals."""
        counts = list(self.kinds.values())
        known = sum(one.characters for one in counts)
        relevant = sum(one.relevant for one in counts)
        return {
            "rows": self.rows,
            "kinds": len(counts),
            "met": sum(one.met for one in counts),
            "broken": sum(one.broken for one in counts),
            "relevant_share": round(relevant / known, 4) if known else None,
            "unlabelled": sum(one.unlabelled for one in counts),
        }

    def lines(self) -> list[str]:
        """A Markdown table, one line a kind."""
        head = "kind | scope | rows | met | broken | all relevant | none | relevant | origins"
        lines = [f"| {head} |", f"|{' --- |' * (head.count('|') + 1)}"]
        for kind, one in sorted(self.kinds.items()):
            share = "-" if one.share is None else f"{one.share:.3f}"
            origins = ", ".join(f"{name} {count}" for name, count in sorted(one.origins.items()))
            cells = [
                kind,
                _scope(kind),
                one.rows,
                one.met,
                one.broken,
                one.whole,
                one.none,
                share,
                origins,
            ]
            lines.append(f"| {' | '.join(map(str, cells))} |")
        return lines

    def table(self) -> Mapping[str, Mapping[str, Any]]:
        """The counts as JSON values."""
        return {
            kind: {
                "scope": _scope(kind), "rows": one.rows, "met": one.met, "broken": one.broken,
                "whole": one.whole, "none": one.none, "relevant_share": one.share,
                "origins": dict(one.origins),
            }
            for kind, one in sorted(self.kinds.items())
        }  # fmt: skip


def _scope(kind: str) -> str:
    if not is_known(kind):
        return "-"
    try:
        return scope_of(kind)
    except UserError:
        return "by arguments"
