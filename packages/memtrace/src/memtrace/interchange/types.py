"""What an import or export has to say when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ExportReport", "ImportReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came in.

    Example:
        `ImportReport(source=Path("spans.jsonl"), out=Path("trace.db"), format="otlp",
        operations=12, variables=30, edges=41, problems=("line 3: ...",))`
    """

    source: Path
    out: Path
    format: str
    """What the source turned out to be, such as `memtracebench`, `otlp` or `langfuse`."""
    operations: int = 0
    variables: int = 0
    edges: int = 0
    """Inputs and outputs together."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """More numbers, by name: what this format has besides (sessions, guesses, annotations)."""
    problems: tuple[str, ...] = ()
    """What was wrong with single entries; each names its place. The entries are in the trace
    as far as they could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What went out.

    Example:
        `ExportReport(source=Path("trace.db"), target="spans.jsonl", format="otlp", written=12)`
    """

    source: Path
    target: str
    """Path or address it went to."""
    format: str
    written: int = 0
    """Entries (operations, spans) that arrived."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """More numbers, by name: bytes, requests, refused entries."""
    problems: tuple[str, ...] = ()
    """What the receiver refused or what was left out, in words."""
