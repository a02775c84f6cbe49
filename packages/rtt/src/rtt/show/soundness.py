"""Is a file of rollouts sound? Counts, what does not fit together, what was not scored.

In: a file of rollouts, or a run folder with parts. Out: a `RolloutReport`. It goes on after a bad
line; every fault is named by line, from 1. An unscored verdict is no fault, it is counted; neither
is a last line that a kill cut short.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.errors import DataError
from rtt.records import RolloutRecord, read_record, read_rollouts
from rtt.records.parts import files_in
from rtt.show.tally import Tally, tally_lines

__all__ = ["RolloutReport", "check_rollouts"]


@dataclass(kw_only=True)
class RolloutReport:
    """What a file of rollouts holds and what is wrong with it.

    Example:
        `check_rollouts(Path("runs/x/rollouts.jsonl")).lines()`
    """

    path: str
    counted: Tally = field(default_factory=Tally)
    steps: set[int] = field(default_factory=set)
    labels: Counter[str] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    """Samples a group: number of groups."""
    without_advantages: int = 0
    without_logprobs: int = 0
    faults: list[str] = field(default_factory=list)
    is_torn: bool = False
    """Whether a kill cut the last line short."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def figures(self) -> dict[str, Any]:
        """Headline figures as JSON values."""
        return {
            "rollouts": self.path,
            **self.counted.figures(),
            "groups": self.sizes.total(),
            "samples_per_group": dict(sorted(self.sizes.items())),
            "steps": len(self.steps),
            "labels": dict(self.labels),
            "without_advantages": self.without_advantages,
            "without_logprobs": self.without_logprobs,
            "torn_line": self.is_torn,
            "faults": len(self.faults),
        }

    def lines(self, *, most: int | None = 20) -> list[str]:
        """The report as plain lines; of the faults, the first `most` (None: all)."""
        return list(self._lines(most))

    def _lines(self, most: int | None) -> Iterator[str]:
        told = self.figures()
        sizes = ", ".join(f"{n} of {size}" for size, n in sorted(self.sizes.items()))
        yield f"{self.path}: {told['responses']} responses in {told['groups']} groups ({sizes})"
        if self.steps:
            yield f"steps: {len(self.steps)}, {min(self.steps)} to {max(self.steps)}"
        names = ", ".join(f"{name or 'none'}: {count}" for name, count in self.labels.items())
        yield f"credit: {names}; without advantages: {self.without_advantages}"
        yield f"without log-probabilities: {self.without_logprobs}"
        yield from tally_lines(self.counted)
        if self.is_torn:
            yield "the last line was cut short by a kill; readers leave it out"
        shown = self.faults if most is None else self.faults[:most]
        yield from shown
        if len(self.faults) > len(shown):
            yield f"... and {len(self.faults) - len(shown)} more"
        yield "nothing is wrong" if self.is_clean else f"faults: {len(self.faults)}"


def check_rollouts(path: Path) -> RolloutReport:
    """Read a file of rollouts, or all parts of a run, to the end, whatever is wrong in it."""
    report = RolloutReport(path=str(path))
    seen: dict[tuple[int, int, int], str] = {}
    groups: dict[tuple[int, int], list[str]] = {}
    for where, line in _lines(path, report):
        try:
            record = line if isinstance(line, RolloutRecord) else read_record(json.loads(line))
            faults = list(_faults(record))
            report.counted.add(record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            report.faults.append(f"{where}: expected a rollout record; {_told(error)}")
            continue
        place = (record.step, record.group, record.sample)
        if place in seen:
            faults.append(f"step, group and sample came before, in {seen[place]}")
        seen.setdefault(place, where)
        asked = groups.setdefault(place[:2], [])
        if asked and asked[0] != record.prompt.id:
            faults.append(f"its group answers {asked[0]!r}, it answers {record.prompt.id!r}")
        asked.append(record.prompt.id)
        _note(report, record)
        report.faults += [f"{where}: {fault}" for fault in faults]
    report.sizes.update(map(len, groups.values()))
    if not groups and not report.faults:
        report.faults.append("expected records; the file is empty")
    return report


def _lines(path: Path, report: RolloutReport) -> Iterator[tuple[str, bytes | RolloutRecord]]:
    """Where a record stands, and its line; of a Parquet file, the record itself."""
    for file in files_in(path) if path.is_dir() else [path]:
        name = f"{file.name}, line" if path.is_dir() else "line"
        if file.suffix == ".parquet":
            try:
                for number, record in enumerate(read_rollouts(file), start=1):
                    yield f"row {number}", record
            except DataError as error:
                report.faults.append(str(error))
            continue
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.endswith(b"\n"):
                    report.is_torn = True
                    break
                yield f"{name} {number}", line


def _note(report: RolloutReport, record: RolloutRecord) -> None:
    report.steps.add(record.step)
    report.labels[record.label] += 1
    report.without_advantages += not record.advantage
    logprobs = record.scored.rollout.logprobs
    report.without_logprobs += bool(logprobs) and all(map(math.isnan, logprobs))


def _faults(record: RolloutRecord) -> Iterator[str]:
    """What does not fit together in one record."""
    scored, rollout = record.scored, record.scored.rollout
    tokens, criteria = len(rollout.tokens), len(record.prompt.rubric)
    if rollout.prompt_id != record.prompt.id:
        yield f"prompt {record.prompt.id!r} with a response to {rollout.prompt_id!r}"
    if len(scored.relevance) != criteria:
        yield f"{len(scored.relevance)} rows of relevances for {criteria} criteria"
    for k, row in enumerate(scored.relevance):
        if len(row) != tokens:
            yield f"criterion {k}: {len(row)} relevances for {tokens} tokens"
        elif not all(0 <= one <= 1 for one in row):
            yield f"criterion {k}: a relevance outside [0, 1]"
    if record.advantage and len(record.advantage) != tokens:
        yield f"{len(record.advantage)} advantages for {tokens} tokens"
    if not all(map(math.isfinite, record.advantage)):
        yield "an advantage that is no number"
    if any(one > 1e-4 for one in rollout.logprobs):
        yield "a log-probability above 0"
    for place, (start, end) in enumerate(rollout.offsets):
        if not 0 <= start <= end <= len(rollout.text):
            yield f"token {place} covers [{start}, {end}) of {len(rollout.text)} characters"
            break


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"field {error} is missing"
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
